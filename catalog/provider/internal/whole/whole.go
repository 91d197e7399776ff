// Package whole cuts the pages of sources that have to be read whole for each page, because their parts only make sense
// together. A cursor is the reference of the last entity of the page before, so that entities may come and go meanwhile.
package whole

import (
	"slices"
	"sort"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/provider"
	"github.com/portico-dev/portico/fault"
)

// Page returns the page at a cursor, with at most size entities of those that read returns in the order of their references, as
// Sorted does. read adds what else the page has: its requests and remarks. A cursor that is no reference is an input fault.
func Page(cursor string, size int, read func(*provider.Page) ([]provider.Entity, error)) (provider.Page, error) {
	if cursor != "" {
		if _, err := entity.ParseRef(cursor, entity.Ref{}); err != nil {
			return provider.Page{}, fault.New(fault.Input, "%q is not a cursor of this source", cursor)
		}
	}
	var page provider.Page
	entities, err := read(&page)
	if err != nil {
		return provider.Page{}, err
	}
	page.Total = len(entities)
	start := sort.Search(len(entities), func(i int) bool { return cursor == "" || entities[i].Ref().String() > cursor })
	end := min(start+size, len(entities))
	page.Entities = entities[start:end:end]
	if end < len(entities) {
		page.Next = entities[end-1].Ref().String()
	}
	if cursor != "" {
		page.Remarks = nil // The first page has them.
	}
	return page, nil
}

// Sorted sorts entities by their references and keeps the first of each. leave is called with one that is left out, and with
// the one before it.
func Sorted(entities []provider.Entity, leave func(left, other provider.Entity)) []provider.Entity {
	slices.SortStableFunc(entities, func(a, b provider.Entity) int { return strings.Compare(a.Ref().String(), b.Ref().String()) })
	return slices.CompactFunc(entities, func(a, b provider.Entity) bool {
		isSame := a.Ref().String() == b.Ref().String()
		if isSame {
			leave(a, b)
		}
		return isSame
	})
}
