package msgraphorg

import "github.com/portico-dev/portico/catalog/provider"

// SetPageSize makes the pages of a source smaller.
func SetPageSize(source provider.Source, size int) {
	if p, is := source.Provider.(*Provider); is {
		p.size = size
	}
}
