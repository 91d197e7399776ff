package kubernetes

import "github.com/portico-dev/portico/catalog/provider"

// SetPageSize makes pages and the answers for them smaller.
func SetPageSize(source provider.Source, size, listed int) {
	if p, is := source.Provider.(*Provider); is {
		p.size, p.listed = size, listed
	}
}
