// Package provenance records where things were read from, and decides which references in them may be
// followed. It is the one place that decides whether something may refer to a local file. integration.Files
// knows which local files may be read; integration.Set knows a host's rules for relative URLs.
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
	// sent is a kind that no reference can have.
	sent = "sent along"
)

// Place is the location from which something was read, as recorded by its reader. Annotations, and anything
// else that an author can write, are references and not places: Follow checks them against the place that
// contains them. The zero value is an unknown place, from which only absolute URLs can be followed.
type Place struct{ kind, target string }

// At is the place of something that the caller itself reads: a URL, or the path of a file that the
// configuration names.
func At(kind, target string) Place { return Place{kind, target} }

// Recorded parses the result of String from a record of Portico's own. It returns the zero value for any
// other text.
func Recorded(text string) Place {
	kind, target, found := strings.Cut(text, ":")
	if !found || kind == sent {
		return Place{}
	}
	return Place{kind, target}
}

// Sent is the place of an uploaded file, in a directory that was created for the upload. Its references may
// lead to files in that directory and to URLs.
func Sent(path string) Place { return Place{sent, path} }

// Kind is url, file, or the name of another source.
func (p Place) Kind() string { return p.kind }

// Target is the URL, or the path of the file.
func (p Place) Target() string { return p.target }

// String is the location reference: kind:target.
func (p Place) String() string { return p.kind + ":" + p.target }

// IsLocal reports whether relative references from p lead to local files.
func (p Place) IsLocal() bool { return p.kind == File || p.kind == sent }

// IsZero reports whether the place is unknown.
func (p Place) IsZero() bool { return p == Place{} }

// BaseURL is p as Backstage's task specs have it: a URL, file:// and a path, or "" for a place without
// relative references.
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

// Resolve makes a relative URL absolute, by the rules of the base's host. For an absolute ref, the base does
// not matter.
type Resolve func(base, ref string) (string, error)

// Follow resolves a reference in something that was read at p. kind is url or file, and target may be
// relative to p. References from a local file may lead to local files and to URLs; references from anywhere
// else may lead to URLs only. Any other reference is a fault of kind NotAllowed, whether or not the target
// exists. Resolve may be nil where relative URLs have no meaning; they then stay as they are.
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
		return Place{}, fault.New(fault.NotAllowed, "%s was not read from this machine, so it cannot refer to file:%s. "+
			"Only entities that come from a configured location of type file may refer to files; use a url instead", p.name(), target)
	case kind == File:
		return Place{File, p.relative(target)}, nil
	default:
		return Place{}, fault.New(fault.NotAllowed, "%s may refer to URLs and files only, not to %s:%s", p.name(), kind, target)
	}
}

// web is the place at a URL. A URL with another scheme than http or https, file: in particular, is an error.
func web(target string) (Place, error) {
	parsed, err := url.Parse(target)
	if err != nil || parsed.Scheme != "" && parsed.Scheme != "http" && parsed.Scheme != "https" {
		return Place{}, fault.New(fault.Input, "Unable to read %s, TypeError: Invalid URL", target)
	}
	return Place{URL, target}, nil
}

// name is the place in a message. It does not contain local paths.
func (p Place) name() string {
	switch {
	case p.kind == URL:
		return "Content from " + p.String()
	case p.kind == sent:
		return "What was sent along"
	case p.IsZero():
		return "Content of unknown origin"
	default:
		return "Content from a location of type " + p.kind
	}
}

// relative resolves a path as written in the file at p.
func (p Place) relative(target string) string {
	// In a URL, the path /srv/x may be written as file:///srv/x.
	if parsed, err := url.Parse("file:" + target); err == nil && parsed.Host == "" && strings.HasPrefix(target, "//") {
		target = parsed.Path
	}
	if filepath.IsAbs(target) {
		return target
	}
	joined := filepath.Join(filepath.Dir(p.target), target)
	if strings.HasSuffix(target, "/") {
		joined += "/" // p is a directory: relative paths start in it, not in its parent
	}
	return joined
}
