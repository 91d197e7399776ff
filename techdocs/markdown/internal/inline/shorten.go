package inline

import (
	"regexp"
	"strings"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// A shortener gives links whose text is the address of a repository, an issue, a commit or a person a short text.
type shortener struct {
	magic     *magic
	providers []*provider // in the order in which they are tried
	social    []*provider
}

func newShortener(m *magic) *shortener {
	s := &shortener{magic: m}

	for _, name := range append([]string{"github", "bitbucket", "gitlab"}, m.order...) {
		p := m.providers[name]
		host := regexp.QuoteMeta(p.url)

		if rest, ok := strings.CutPrefix(host, "https://"); ok && p.www {
			host = `https://(?:w{3}\.)?` + strings.TrimPrefix(rest, `www\.`)
		}

		p.profile = regexp.MustCompile(`(?i)^(?P<base>` + host + `/(?P<name>(?P<user>` + p.user + `)(?:/(?P<repo>[^/]+))?))/?$`)
		p.repository = regexp.MustCompile(`(?i)^(?P<base>` + host + `/(?P<name>(?P<user>` + p.user + `)/[^/]+))/` + repositoryPaths(p.kind) + `/?$`)

		if m.repositories || !isBuiltIn(name) {
			s.providers = append(s.providers, p)
		}
	}

	if m.people {
		for _, name := range []string{"twitter", "x"} {
			p := m.providers[name]
			p.profile = regexp.MustCompile(`(?i)^(?P<base>https://(?:w{3}\.)?` + name + `\.com/(?P<name>(?P<user>\w{1,15})))/?$`)
			s.social = append(s.social, p)
		}
	}

	return s
}

func isBuiltIn(name string) bool { return name == "github" || name == "gitlab" || name == "bitbucket" }

func repositoryPaths(kind string) string {
	switch kind {
	case "gitlab":
		return `(?:-/)?(?:issues/(?P<issue>\d+)/?|merge_requests/(?P<pull>\d+)/?|commit/(?P<commit>[\da-f]{8,40})/?|` +
			`compare/(?P<diff1>[\da-f]{8,40})\.{3}(?P<diff2>[\da-f]{8,40}))`
	case "bitbucket":
		return `(?:issues/(?P<issue>\d+)(?:/[^/]+)?/?|pull-requests/(?P<pull>\d+)(?:/[^/]+(?:/diff)?)?/?|` +
			`commits/commit/(?P<commit>[\da-f]{7,40})/?|branches/commits/(?P<diff1>[\da-f]{7,40})(?:\.{2}|%0d)(?P<diff2>[\da-f]{7,40})#diff)`
	default:
		return `(?:issues/(?P<issue>\d+)/?|pull/(?P<pull>\d+)/?|discussions/(?P<discuss>\d+)/?|commit/(?P<commit>[\da-f]{7,40})/?|` +
			`compare/(?P<diff1>[\da-f]{7,40})\.{3}(?P<diff2>[\da-f]{7,40}))`
	}
}

// run shortens the links below root.
func (s *shortener) run(root *tree.Element) {
	root.All(func(element *tree.Element) bool {
		if element.Tag == "a" {
			_, marked := element.Lookup(magicMark)
			element.Unset(magicMark)

			href := element.Get("href")
			if text := element.Text; len(element.Children) == 0 && text != "" &&
				(text == href || marked && s.magic.hide && "https://"+text == href) {
				s.shorten(element, href)
			}
		}

		return true
	})
}

func (s *shortener) shorten(link *tree.Element, href string) {
	for _, expression := range []func(*provider) *regexp.Regexp{
		func(p *provider) *regexp.Regexp { return p.repository }, func(p *provider) *regexp.Regexp { return p.profile },
	} {
		for _, p := range s.providers {
			if parts := groups(expression(p), href); parts != nil {
				s.apply(link, p, parts)

				return
			}
		}
	}

	for _, p := range s.social {
		if parts := groups(p.profile, href); parts != nil {
			s.apply(link, p, parts)

			return
		}
	}
}

func groups(expression *regexp.Regexp, text string) map[string]string {
	found := expression.FindStringSubmatch(text)
	if found == nil {
		return nil
	}

	parts := map[string]string{}

	for i, name := range expression.SubexpNames() {
		if name != "" && found[i] != "" {
			parts[name] = found[i]
		}
	}

	return parts
}

func (s *shortener) apply(link *tree.Element, p *provider, parts map[string]string) {
	if p.exclude[strings.ToLower(parts["user"])] {
		return
	}

	name, class, text, title := s.describe(p, parts)
	if class == "" {
		return
	}

	link.SetFinal(text)
	link.Set("title", p.label+" "+title)

	classes := strings.Fields(link.Get("class"))
	for _, wanted := range []string{"magiclink", "magiclink-" + name, "magiclink-" + class} {
		found := false
		for _, class := range classes {
			found = found || class == wanted
		}

		if !found {
			classes = append(classes, wanted)
		}
	}

	link.Set("class", strings.Join(classes, " "))
}

// describe says what an address leads to.
func (s *shortener) describe(p *provider, parts map[string]string) (name, class, text, title string) {
	m := s.magic
	full := parts["name"]
	prefix := s.prefix(parts["base"], full)

	at := prefix
	if at != "" {
		at += "@"
	}

	pull, discuss := "!", "?"
	if m.normalize {
		pull, discuss = "#", "#"
	}

	short := func(hash string) string { return hash[:min(len(hash), p.hash)] }

	switch {
	case parts["diff1"] != "":
		hashes := short(parts["diff1"]) + "..." + short(parts["diff2"])

		return p.name, "compare", at + hashes, m.label("compare", "Compare") + ": " + full + "@" + hashes
	case parts["commit"] != "":
		hash := short(parts["commit"])

		return p.name, "commit", at + hash, m.label("commit", "Commit") + ": " + full + "@" + hash
	case parts["pull"] != "":
		return p.name, "pull", prefix + pull + parts["pull"], m.label("pull", "Pull Request") + ": " + full + " #" + parts["pull"]
	case parts["discuss"] != "":
		return p.name, "discussion", prefix + discuss + parts["discuss"], m.label("discuss", "Discussion") + ": " + full + " #" + parts["discuss"]
	case parts["issue"] != "":
		return p.name, "issue", prefix + "#" + parts["issue"], m.label("issue", "Issue") + ": " + full + " #" + parts["issue"]
	case parts["repo"] != "":
		return p.name, "repository", full, m.label("repository", "Repository") + ": " + full
	default:
		return p.name, "mention", "@" + full, m.label("metion", "User") + ": " + full // the label is misspelt in the original, too
	}
}

// prefix is what of the name of the repository is shown in front of numbers: nothing for one's own repository.
func (s *shortener) prefix(base, full string) string {
	m := s.magic
	if m.user == "" || m.repository == "" || m.provider.social() {
		return full
	}

	own := m.provider.url + "/" + m.user + "/"
	if base+"/" == own+m.repository+"/" {
		return ""
	}

	if _, repository, ok := strings.Cut(full, "/"); ok && strings.HasPrefix(base, own) {
		return repository
	}

	return full
}
