// Package provenance says where things were read from, and where what is written in them may lead: the one
// decision about what may be a file of this machine. Which files those are is integration.Files' to know; a
// host's own rules for relative URLs are integration.Set's.
package provenance

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Kinds of places, and of the references to them.
const (
	URL  = "url"
	File = "file"
	// sent is not a kind that anybody can write.
	sent = "sent along"
)

// Place is where something was read from, as whoever read it wrote down. No annotation, and nothing else that
// an author can write, makes one: that is a reference, which Follow judges by the place it was found at. The
// zero value is a place that nobody knows, and leads to absolute URLs alone.
type Place struct{ kind, target string }

// At is the place of what the caller itself reads at a target: a URL, or the path of a file that the
// configuration names.
func At(kind, target string) Place { return Place{kind, target} }

// Recorded is the place that String wrote into a record of Portico's own; the zero value when there is none
// in it.
func Recorded(text string) Place {
	kind, target, found := strings.Cut(text, ":")
	if !found || kind == sent {
		return Place{}
	}
	return Place{kind, target}
}

// Sent is the place of a file that somebody sent along, in a directory that was made for that alone. What is
// in it leads to what lies beside it, and to URLs.
func Sent(path string) Place { return Place{sent, path} }

// Kind is url, file, or what else a source calls itself.
func (p Place) Kind() string { return p.kind }

// Target is the URL, or the path of the file.
func (p Place) Target() string { return p.target }

// String is the location reference: kind:target.
func (p Place) String() string { return p.kind + ":" + p.target }

// IsLocal says whether what lies beside p is on this machine.
func (p Place) IsLocal() bool { return p.kind == File || p.kind == sent }

// IsZero says that nobody knows the place.
func (p Place) IsZero() bool { return p == Place{} }

// BaseURL is p as Backstage's task specs have it: a URL, file:// and a path, or "" for a place that nothing
// can be relative to.
func (p Place) BaseURL() string {
	switch {
	case p.kind == URL:
		return p.target
	case p.IsLocal():
		return "file://" + filepath.ToSlash(p.target)
	default:
		return ""
	}
}

// Resolve makes a relative URL absolute, by the rules of the base's host. The base of an absolute one does
// not matter.
type Resolve func(base, ref string) (string, error)

// Follow is where a reference leads that stands in what was read at p: kind is url or file, and target may be
// relative to p. What came from a file of this machine leads to such files and to URLs, what came from
// anywhere else to URLs alone: otherwise it is a fault of kind NotAllowed, whatever there is at the target.
// Resolve may be nil where a relative URL means nothing; it then stays as it is.
func (p Place) Follow(kind, target string, resolve Resolve) (Place, error) {
	switch {
	case kind == URL && p.kind == URL && resolve != nil:
		resolved, err := resolve(p.target, target)
		if err != nil {
			return Place{}, err
		}
		return web(resolved)
	case kind == URL:
		return web(target)
	case kind == File && p.kind != File:
		return Place{}, fault.New(fault.NotAllowed, "%s leads to no file of the machine that Portico runs on, and so not to file:%s. "+
			"Only what a configured location of type file brings may name files; use a url instead", p.name(), target)
	case kind == File:
		return Place{File, p.beside(target)}, nil
	default:
		return Place{}, fault.New(fault.NotAllowed, "%s leads to URLs and files, and so not to %s:%s", p.name(), kind, target)
	}
}

// web is the place at a URL. One of another scheme than the web's is none, file: least of all.
func web(target string) (Place, error) {
	parsed, err := url.Parse(target)
	if err != nil || parsed.Scheme != "" && parsed.Scheme != "http" && parsed.Scheme != "https" {
		return Place{}, fault.New(fault.Input, "Unable to read %s, TypeError: Invalid URL", target)
	}
	return Place{URL, target}, nil
}

// name is the place in a sentence. Where this machine keeps its files is nobody's business.
func (p Place) name() string {
	switch {
	case p.kind == URL:
		return "What came from " + p.String()
	case p.kind == sent:
		return "What was sent along"
	case p.IsZero():
		return "What came from nobody knows where"
	default:
		return "What came from a location of type " + p.kind
	}
}

// beside is a path as it is written in the file at p.
func (p Place) beside(target string) string {
	// file:///srv/x is how a URL writes the path /srv/x.
	if parsed, err := url.Parse("file:" + target); err == nil && parsed.Host == "" && strings.HasPrefix(target, "//") {
		target = parsed.Path
	}
	if filepath.IsAbs(target) {
		return target
	}
	joined := filepath.Join(filepath.Dir(p.target), target)
	if strings.HasSuffix(target, "/") {
		joined += "/" // a directory: what is relative to it lies in it, not beside it
	}
	return joined
}
