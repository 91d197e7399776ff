package gitlab

import (
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
)

// filter selects projects as Backstage does: patterns match anywhere in a path unless they have anchors.
type filter struct {
	project *regexp.Regexp
	// groups are patterns of which one must match a group of the project, or one above. None lets all projects in, also
	// those of users.
	groups          []*regexp.Regexp
	topics          []string
	excludedRepos   []string
	excludedGroups  []string
	membership      bool
	skipForks       bool
	includeArchived bool
}

// everything is Backstage's pattern for all groups.
const everything = `[\s\S]*`

func newFilter(configured config.GitLabProvider) (filter, error) {
	made := filter{
		excludedRepos: configured.ExcludeRepos, excludedGroups: configured.ExcludeGroups, membership: configured.Membership,
		skipForks: configured.SkipForkedRepos, includeArchived: configured.IncludeArchivedRepos,
	}
	for topic := range strings.SplitSeq(configured.Topics, ",") {
		if topic = strings.TrimSpace(topic); topic != "" {
			made.topics = append(made.topics, topic)
		}
	}
	var err error
	if made.project, err = compile("projectPattern", configured.ProjectPattern); err != nil {
		return filter{}, err
	}
	if len(configured.GroupPattern) == 1 && configured.GroupPattern[0] == everything {
		return made, nil
	}
	for _, pattern := range configured.GroupPattern {
		compiled, err := compile("groupPattern", pattern)
		if err != nil {
			return filter{}, err
		}
		made.groups = append(made.groups, compiled)
	}
	return made, nil
}

// compile compiles a pattern. "" matches everything.
func compile(key, pattern string) (*regexp.Regexp, error) {
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fault.New(fault.Input, "%s is not a regular expression of RE2, which has no lookahead and no backreferences: %s", key, err)
	}
	return compiled, nil
}

// selects reports whether the filter lets a project in, archived or not.
func (f filter) selects(found project) bool {
	excluded := func(group string) bool { return isBelow(found.FullPath, group) }
	return f.project.MatchString(found.FullPath) && !(f.skipForks && found.IsForked) && f.selectsTopics(found.Topics) &&
		!slices.Contains(f.excludedRepos, found.FullPath) && !slices.ContainsFunc(f.excludedGroups, excluded) && f.selectsGroup(found)
}

func (f filter) selectsTopics(topics []string) bool {
	return !slices.ContainsFunc(f.topics, func(wanted string) bool {
		return !slices.ContainsFunc(topics, func(has string) bool { return strings.EqualFold(has, wanted) })
	})
}

// selectsGroup reports whether a pattern matches one of the groups that the project is in, directly or not.
func (f filter) selectsGroup(found project) bool {
	if len(f.groups) == 0 {
		return true
	}
	if found.Group == nil {
		return false
	}
	for group := found.Group.FullPath; group != ""; group = above(group) {
		if slices.ContainsFunc(f.groups, func(pattern *regexp.Regexp) bool { return pattern.MatchString(group) }) {
			return true
		}
	}
	return false
}

// above is the path of the group in which a group is, "" for none.
func above(group string) string { return group[:max(strings.LastIndex(group, "/"), 0)] }

// isBelow reports whether a project or a group is in a group, directly or not.
func isBelow(path, group string) bool {
	return len(path) > len(group) && path[len(group)] == '/' && strings.EqualFold(path[:len(group)], group)
}
