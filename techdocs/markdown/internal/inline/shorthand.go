package inline

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/portico-dev/portico/techdocs/markdown/internal/tree"
)

// A provider is a host of repositories or people that magic links know.
type provider struct {
	name, kind, label, url                string
	user                                  string // regular expression
	issue, pull, discuss, commit, compare string // with a * for each part
	hash                                  int
	exclude                               map[string]bool
	repository, profile                   *regexp.Regexp
	www                                   bool
}

const (
	githubUser    = `[a-zA-Z\d](?:[-a-zA-Z\d_]{0,37}[a-zA-Z\d])?`
	gitlabUser    = `[\.a-zA-Z\d_](?:[-a-zA-Z\d_\.]{0,37}[-a-zA-Z\d_])?`
	bitbucketUser = `[-a-zA-Z\d_]{1,39}`
	socialUser    = `\w{1,15}`
)

func newProvider(kind, name, label, host string) (*provider, error) {
	url := strings.TrimRight(strings.ToLower(host), "/")
	p := &provider{name: name, kind: kind, label: label, url: url, hash: 7, www: true}

	switch kind {
	case "github":
		p.user = githubUser
		p.issue, p.pull, p.discuss = url+"/*/*/issues/*", url+"/*/*/pull/*", url+"/*/*/discussions/*"
		p.commit, p.compare = url+"/*/*/commit/*", url+"/*/*/compare/*...*"
	case "gitlab":
		p.user, p.hash = gitlabUser, 8
		p.issue, p.pull = url+"/*/*/-/issues/*", url+"/*/*/-/merge_requests/*"
		p.commit, p.compare = url+"/*/*/-/commit/*", url+"/*/*/-/compare/*...*"
	case "bitbucket":
		p.user = bitbucketUser
		p.issue, p.pull = url+"/*/*/issues/*", url+"/*/*/pull-requests/*"
		p.commit, p.compare = url+"/*/*/commits/commit/*", url+"/*/*/branches/commits/*..*#diff"
	case "x", "twitter":
		p.user = socialUser
	default:
		return nil, fmt.Errorf("pymdownx.magiclink: the type %q of the provider %q is not known; there are github, gitlab and bitbucket", kind, name)
	}

	return p, nil
}

// fill puts the parts in the place of the stars.
func fill(template string, parts ...string) string {
	for _, part := range parts {
		before, after, _ := strings.Cut(template, "*")
		template = before + part + after
	}

	return template
}

func (p *provider) social() bool { return p.kind == "x" || p.kind == "twitter" }

// A magic is the options of pymdownx.magiclink for shorthands and short links.
type magic struct {
	providers                map[string]*provider
	order                    []string // names of providers that are configured
	user, repository         string
	provider                 *provider
	labels                   map[string]any
	normalize, hide          bool
	repositories, people     bool // addresses are shortened
	repoShorthand, socialToo bool // shorthands are read
}

var magicOptions = []string{
	"hide_protocol", "repo_url_shortener", "social_url_shortener", "shortener_user_exclude", "repo_url_shorthand", "social_url_shorthand",
	"provider", "labels", "normalize_issue_symbols", "user", "repo", "custom",
}

var customName = regexp.MustCompile(`^[a-zA-Z0-9]+$`)

func shortLinks(b *builder, options Options) error {
	if err := options.known(magicOptions...); err != nil {
		return err
	}

	m := &magic{
		user: options.text("user", ""), repository: options.text("repo", ""), labels: options.table("labels"),
		normalize: options.flag("normalize_issue_symbols", false), hide: options.flag("hide_protocol", false),
		repositories: options.flag("repo_url_shortener", false), people: options.flag("social_url_shortener", false),
		repoShorthand: options.flag("repo_url_shorthand", false), socialToo: options.flag("social_url_shorthand", false),
	}

	if !m.repositories && !m.people && !m.repoShorthand && !m.socialToo {
		return nil
	}

	if err := m.setProviders(options); err != nil {
		return err
	}

	b.magic = m

	if m.repositories || m.people {
		b.parser.shorten = newShortener(m)
	}

	return nil
}

func (m *magic) setProviders(options Options) error {
	m.providers = map[string]*provider{}
	excluded := map[string]string{
		"bitbucket": "dashboard account plans support repo", "github": "marketplace notifications issues pull sponsors settings support",
		"gitlab": "dashboard - explore help projects", "twitter": "i messages bookmarks home", "x": "i messages bookmarks home",
	}

	for _, known := range []struct{ name, label, url string }{
		{"github", "GitHub", "https://github.com"}, {"bitbucket", "Bitbucket", "https://bitbucket.org"},
		{"gitlab", "GitLab", "https://gitlab.com"}, {"twitter", "Twitter", "https://twitter.com"}, {"x", "X", "https://x.com"},
	} {
		p, err := newProvider(known.name, known.name, known.label, known.url)
		if err != nil {
			return err
		}

		p.setExcluded(strings.Fields(excluded[known.name]))
		m.providers[known.name] = p
	}

	custom := options.table("custom")
	for _, name := range slices.Sorted(maps.Keys(custom)) {
		if err := m.addCustom(name, custom[name]); err != nil {
			return err
		}
	}

	for name, users := range options.table("shortener_user_exclude") {
		if list, ok := users.([]any); ok && m.providers[name] != nil {
			m.providers[name].setExcluded(Options{values: map[string]any{"users": list}}.list("users"))
		}
	}

	m.provider = m.providers[options.text("provider", "github")]
	if m.provider == nil {
		m.provider = m.providers["github"]
	}

	return nil
}

func (m *magic) addCustom(name string, value any) error {
	if !customName.MatchString(name) {
		return fmt.Errorf("pymdownx.magiclink: the name of the provider %q may have letters and digits only", name)
	}

	if m.providers[name] != nil {
		return nil
	}

	table, _ := value.(map[string]any)
	entry := Options{"pymdownx.magiclink", table}

	p, err := newProvider(entry.text("type", ""), name, entry.text("label", ""), entry.text("host", ""))
	if err != nil {
		return err
	}

	p.www = entry.flag("www", true)
	p.exclude = m.providers[p.kind].exclude
	m.providers[name] = p
	m.order = append(m.order, name)

	return nil
}

func (p *provider) setExcluded(users []string) {
	p.exclude = map[string]bool{}
	for _, user := range users {
		p.exclude[strings.ToLower(user)] = true
	}
}

func (m *magic) label(key, preset string) string {
	if label, ok := m.labels[key]; ok {
		return fmt.Sprint(label)
	}

	return preset
}

// shorthands finds @user, @user/repository, #1, repository#1, user/repository@commit and the like. The expressions are only run on texts
// with one of their characters.
func shorthands(b *builder) error {
	m := b.magic
	if m == nil || !m.repoShorthand && !m.socialToo {
		return nil
	}

	b.escape("@")

	var repositories, all []string

	if m.repoShorthand {
		for _, name := range append([]string{"github", "gitlab", "bitbucket"}, m.order...) {
			repositories = append(repositories, name+":"+m.providers[name].user)
		}

		all = repositories
	}

	if m.socialToo {
		all = append(all, "x:"+socialUser, "twitter:"+socialUser)
	}

	external, internal := "(?:"+strings.Join(repositories, "|")+")", m.provider.user
	repository := `/(?P<repo>[-._a-zA-Z\d]{0,99}[a-zA-Z\d])\b`
	reference := `(?P<repo>[-._a-zA-Z\d]{0,99}[a-zA-Z\d])(?:(?P<issue>[#!?][1-9][0-9]*)|(?P<commit>@[a-f\d]{40})(?:\.{3}(?P<diff>[a-f\d]{40}))?)\b`

	if m.repoShorthand {
		b.add(m.pattern("@", `@(?P<user>`+external+`)\b`+repository, "a-zA-Z", m.repositoryLink))

		if !m.provider.social() {
			b.add(m.pattern("@", `@(?P<user>`+internal+`)\b`+repository, "a-zA-Z", m.repositoryLink))
		}
	}

	b.add(
		m.pattern("@", `@(?P<user>(?:`+strings.Join(all, "|")+`))\b`, "a-zA-Z", m.mention),
		m.pattern("@", `@(?P<user>`+internal+`)\b`, "a-zA-Z", m.mention),
	)

	if !m.repoShorthand {
		return nil
	}

	b.add(m.pattern("#!?@", `(?P<user>\b`+strings.Join(repositories, "|")+`)/`+reference, "@/", m.reference))

	if !m.provider.social() {
		b.add(
			m.pattern("#!?@", `(?:(?P<user>\b`+internal+`)/)?`+reference, "@/", m.reference),
			m.pattern("#!?", `(?P<issue>[#!?][1-9][0-9]*)\b`, "a-zA-Z", m.own),
			m.pattern("0123456789abcdef", `\b(?P<commit>[a-f\d]{40})(?:\.{3}(?P<diff>[a-f\d]{40}))?\b`, "@/", m.own),
		)
	}

	return nil
}

// pattern finds an expression that is not after one of the characters. It is tried at each position with the character before it, for \b
// and because regexp looks at nothing before its start.
func (m *magic) pattern(trigger, expression, notAfter string, element func(parts map[string]string) *tree.Element) *pattern {
	initial, inner := regexp.MustCompile(`^(?:`+expression+`)`), regexp.MustCompile(`^(?s:.)(?:`+expression+`)`)
	after := regexp.MustCompile("[" + notAfter + "]$")
	names := initial.SubexpNames()

	return &pattern{trigger: trigger, outsideLinks: true, find: func(_ *reader, data string, pos, floor int) (match, bool) {
		for ; pos < len(data); pos += width(data, pos) {
			left := before(data, pos, floor)
			if left != none && after.MatchString(string(left)) {
				continue
			}

			compiled, text, skipped := initial, data[pos:], 0

			switch {
			case left == none:
			case pos == floor:
				compiled, text, skipped = inner, string(left)+text, 1
			default:
				_, skipped = utf8.DecodeLastRuneInString(data[:pos])
				compiled, text = inner, data[pos-skipped:]
			}

			groups := compiled.FindStringSubmatchIndex(text)
			if groups == nil {
				continue
			}

			if e := element(named(names, text, groups)); e != nil {
				return match{start: pos, end: pos + groups[1] - skipped, found: found{element: e}}, true
			}
		}

		return match{}, false
	}}
}

// named are the groups of an expression by their names.
func named(names []string, data string, groups []int) map[string]string {
	parts := map[string]string{}

	for i, name := range names {
		if name != "" && groups[2*i] >= 0 {
			parts[name] = data[groups[2*i]:groups[2*i+1]]
		}
	}

	return parts
}

// owner takes the provider out of "provider:user".
func (m *magic) owner(user string) (*provider, string) {
	if name, rest, ok := strings.Cut(user, ":"); ok {
		return m.providers[name], rest
	}

	return m.provider, user
}

func magicLink(href, title, class, text string, p *provider) *tree.Element {
	element := tree.New("a", "class", "magiclink magiclink-"+p.name+" magiclink-"+class, "href", href, "title", title)
	element.SetFinal(text)

	return element
}

func (m *magic) mention(parts map[string]string) *tree.Element {
	p, user := m.owner(parts["user"])

	return magicLink(p.url+"/"+user, p.label+" "+m.label("mention", "User")+": "+user, "mention", "@"+user, p)
}

func (m *magic) repositoryLink(parts map[string]string) *tree.Element {
	p, user := m.owner(parts["user"])
	name := user + "/" + parts["repo"]

	return magicLink(p.url+"/"+name, p.label+" "+m.label("repository", "Repository")+": "+name, "repository", name, p)
}

func (m *magic) own(parts map[string]string) *tree.Element {
	if m.user == "" || m.repository == "" {
		return nil
	}

	if parts["commit"] != "" {
		parts["commit"] = "@" + parts["commit"]
	}

	parts["user"], parts["repo"] = m.user, m.repository

	return m.reference(parts)
}

// reference links to an issue, a pull request, a discussion, a commit or a comparison.
func (m *magic) reference(parts map[string]string) *tree.Element {
	user := parts["user"]
	if user == "" {
		user = m.user
	}

	p, user := m.owner(user)
	if user == "" {
		return nil
	}

	repository := parts["repo"]
	name := user + "/" + repository
	prefix := name

	if user == m.user && p == m.provider {
		prefix = repository
		if repository == m.repository {
			prefix = ""
		}
	}

	commit := strings.TrimPrefix(parts["commit"], "@")
	if commit == "" {
		return m.issue(p, user, repository, prefix, parts["issue"])
	}

	if prefix != "" {
		prefix += "@"
	}

	short := commit[:p.hash]
	if diff := parts["diff"]; diff != "" {
		short += "..." + diff[:p.hash]

		return magicLink(fill(p.compare, user, repository, commit, diff),
			p.label+" "+m.label("compare", "Compare")+": "+name+"@"+short, "compare", prefix+short, p)
	}

	return magicLink(fill(p.commit, user, repository, commit),
		p.label+" "+m.label("commit", "Commit")+": "+name+"@"+short, "commit", prefix+short, p)
}

func (m *magic) issue(p *provider, user, repository, prefix, issue string) *tree.Element {
	icon, number := issue[:1], issue[1:]

	kinds := map[string]struct{ template, label, preset, class string }{
		"#": {p.issue, "issue", "Issue", "issue"},
		"!": {p.pull, "pull", "Pull Request", "pull"},
		"?": {p.discuss, "discuss", "Discussion", "discussion"},
	}

	kind := kinds[icon]
	if kind.template == "" {
		return nil
	}

	if m.normalize {
		icon = "#"
	}

	return magicLink(fill(kind.template, user, repository, number),
		p.label+" "+m.label(kind.label, kind.preset)+": "+user+"/"+repository+" #"+number, kind.class, prefix+icon+number, p)
}
