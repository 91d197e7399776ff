package gitlaborg

import "github.com/portico-dev/portico/catalog/provider"

// SetPageSizes makes the pages of a source smaller.
func SetPageSizes(source provider.Source, users, groups int) {
	if p, is := source.Provider.(*Provider); is {
		p.usersAtOnce, p.groupsAtOnce = users, groups
	}
}
