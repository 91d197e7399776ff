package bucket

import "github.com/portico-dev/portico/catalog/provider"

// SetPageSizes makes the lists and pages of a source smaller, which would need thousands of objects.
func SetPageSizes(source provider.Source, listed, read int) {
	if p, is := source.Provider.(*Provider); is {
		p.listed, p.read = listed, read
	}
}
