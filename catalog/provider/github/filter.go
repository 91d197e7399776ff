package github

import (
	"regexp"
	"slices"
	"strings"

	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/fault"
)

// filter selects repositories.
type filter struct {
	config.GitHubFilters

	name *regexp.Regexp
}

func newFilter(configured config.GitHubFilters) (filter, error) {
	made := filter{GitHubFilters: configured}
	for _, visibility := range configured.Visibility {
		if !slices.Contains([]string{"public", "private", "internal"}, strings.ToLower(visibility)) {
			return filter{}, fault.New(fault.Input, "filters.visibility has %q, which is none of public, private and internal", visibility)
		}
	}
	if configured.Repository == "" {
		return made, nil
	}
	var err error
	if made.name, err = regexp.Compile("^(?:" + configured.Repository + ")$"); err != nil {
		return filter{}, fault.New(fault.Input, "filters.repository is not a regular expression: %s", err)
	}
	return made, nil
}

// selects reports whether the filter lets a repository in, archived or not.
func (f filter) selects(found repository) bool {
	return (f.name == nil || f.name.MatchString(found.Name)) &&
		(f.AllowForks || !found.IsFork) && f.selectsTopics(found.topics()) && f.selectsVisibility(found.Visibility)
}

func (f filter) selectsTopics(topics []string) bool {
	has := func(topic string) bool { return slices.Contains(topics, topic) }
	return (len(f.Topic.Include) == 0 || slices.ContainsFunc(f.Topic.Include, has)) && !slices.ContainsFunc(f.Topic.Exclude, has)
}

func (f filter) selectsVisibility(visibility string) bool {
	return len(f.Visibility) == 0 || slices.ContainsFunc(f.Visibility, func(one string) bool { return strings.EqualFold(one, visibility) })
}
