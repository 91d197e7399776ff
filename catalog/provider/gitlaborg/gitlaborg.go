// Package gitlaborg makes the users and groups of a GitLab entities of kind User and Group. Configuration and entities
// are those of Backstage's catalog.providers.gitlab with orgEnabled, with one difference: who is in a group is said by the
// Group alone, in spec.members, and a User's spec.memberOf is empty. The relations are the same. Projects are the matter
// of package gitlab.
package gitlaborg

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	gitlabhost "github.com/portico-dev/portico/integration/gitlab"
	"github.com/portico-dev/portico/integration/hostevents"
)

// Kind is the kind of these sources. Their configuration is below catalog.providers.gitlab.
const Kind = "gitlabOrg"

// publicHost is the GitLab of all companies: only the people of a group are of interest there.
const publicHost = "gitlab.com"

// Sizes of pages.
const (
	usersPerPage  = 100
	groupsPerPage = 50
	// groupsPerQuery is how many groups are asked for their members at once, within GitLab's bounds for a query.
	groupsPerQuery = 5
)

// Provider reads the users and groups of one configured source.
type Provider struct {
	name   string
	host   *gitlabhost.Host
	reader *gitlabhost.Reader
	// group is the path of the group whose groups are read, "" for all of the host.
	group string
	// root is the path of the group whose members are the users, "" for all users of the host.
	root string
	// onlySeats leaves out members who use no seat of the subscription.
	onlySeats bool
	users     *regexp.Regexp
	groups    []*regexp.Regexp
	relations []string
	// kinds are the kinds that the source emits.
	kinds                     []string
	usersAtOnce, groupsAtOnce int
}

// Sources creates the configured sources, in the order of their ids. A configuration that cannot work is an input
// fault that names its key.
func Sources(configured map[string]config.GitLabProvider, hosts *integration.Set) ([]provider.Source, error) {
	var sources []provider.Source
	for _, id := range slices.Sorted(maps.Keys(configured)) {
		if !configured[id].OrgEnabled {
			continue
		}
		made, err := newProvider(id, configured[id], hosts)
		if err != nil {
			return nil, fault.Wrap(fault.Input, err, "catalog.providers.gitlab.%s: %s", id, err)
		}
		sources = append(sources, provider.Source{
			Provider: made, Schedule: provider.ScheduleOf(configured[id].Schedule), Kind: Kind, Place: strings.Trim(made.host.Name()+"/"+made.group, "/"),
		})
	}
	return sources, nil
}

func newProvider(id string, configured config.GitLabProvider, hosts *integration.Set) (*Provider, error) {
	host, err := integration.HostOf[*gitlabhost.Host](hosts, configured.Host)
	if err != nil {
		return nil, err
	}
	made := &Provider{
		name: "GitlabOrgDiscoveryEntityProvider:" + id, host: host, reader: host.Reader(), group: configured.Group,
		relations: relationsOf(configured), usersAtOnce: usersPerPage, groupsAtOnce: groupsPerPage,
	}
	isPublic := host.Name() == publicHost
	switch {
	case strings.Trim(configured.Group, "/") != configured.Group:
		return nil, fault.New(fault.Input, "group %q begins or ends with a slash", configured.Group)
	case isPublic && configured.Group == "":
		return nil, fault.New(fault.Input, "group is missing, which orgEnabled needs on gitlab.com")
	case configured.RestrictUsersToGroup && configured.Group == "":
		return nil, fault.New(fault.Input, "restrictUsersToGroup needs a group")
	case configured.RestrictUsersToGroup:
		made.root = configured.Group
	case isPublic:
		made.root, _, _ = strings.Cut(configured.Group, "/")
	}
	made.onlySeats = isPublic && !configured.IncludeUsersWithoutSeat
	if made.kinds, err = kindsOf(configured.Rules); err != nil {
		return nil, err
	}
	return made, made.compile(configured)
}

// relationsOf are the memberships that count. Direct ones always do.
func relationsOf(configured config.GitLabProvider) []string {
	relations := []string{"DIRECT"}
	if len(configured.Relations) == 0 && configured.AllowInherited {
		relations = append(relations, "INHERITED")
	}
	for _, one := range configured.Relations {
		if !slices.Contains(relations, one) {
			relations = append(relations, one)
		}
	}
	return relations
}

// kindsOf are the kinds that rules allow, in any spelling.
func kindsOf(rules []config.KindRule) ([]string, error) {
	both := []string{"User", "Group"}
	if len(rules) == 0 {
		return both, nil
	}
	var allowed []string
	for _, rule := range rules {
		for _, kind := range rule.Allow {
			at := slices.IndexFunc(both, func(one string) bool { return strings.EqualFold(one, kind) })
			if at < 0 {
				return nil, fault.New(fault.Input, "rules allow %q, but the source has only users and groups", kind)
			}
			allowed = append(allowed, both[at])
		}
	}
	return allowed, nil
}

func (p *Provider) compile(configured config.GitLabProvider) error {
	var err error
	if p.users, err = regexp.Compile(configured.UserPattern); err != nil {
		return fault.New(fault.Input, "userPattern is not a regular expression of RE2, which has no lookahead and no backreferences: %s", err)
	}
	for _, pattern := range configured.GroupPattern {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return fault.New(fault.Input, "groupPattern is not a regular expression of RE2, which has no lookahead and no backreferences: %s", err)
		}
		p.groups = append(p.groups, compiled)
	}
	return nil
}

// Name implements provider.Provider: Backstage's name of the source and of the key of its entities.
func (p *Provider) Name() string { return p.name }

// Concerned implements provider.Watcher: the members of a group, or the groups, have changed.
func (p *Provider) Concerned(event hostevents.Event) bool {
	if !event.Kind.IsAboutPeople() || event.Host != p.host.Name() {
		return false
	}
	return p.group == "" || isAt(event.Owner, p.group) || isAt(p.group, event.Owner)
}

// isAt reports whether a group is another one, or below it.
func isAt(path, group string) bool {
	return strings.EqualFold(path, group) || len(path) > len(group) && path[len(group)] == '/' && strings.EqualFold(path[:len(group)], group)
}

// selects reports whether a group becomes an entity, if it has members.
func (p *Provider) selects(path string) bool {
	matches := func(pattern *regexp.Regexp) bool { return pattern.MatchString(path) }
	return (p.group == "" || isAt(path, p.group)) && (len(p.groups) == 0 || slices.ContainsFunc(p.groups, matches))
}

// place is what is read, for errors.
func (p *Provider) place(list string) string {
	return fmt.Sprintf("the list of the %s of %s", list, p.host.Name())
}
