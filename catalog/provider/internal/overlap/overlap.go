// Package overlap reads a list page by page and notices rows that come or go meanwhile, so that the list is complete or
// an error. Each page begins with the last row of the page before; if it does not, rows have moved, and the list is read
// from its beginning. It keeps nothing between pages. How a page is asked for is not its matter.
package overlap

import (
	"fmt"

	"github.com/portico-dev/portico/fault"
)

const (
	// maxPasses is how often a list is begun anew because its rows have moved.
	maxPasses = 3
	// MinSize is the smallest page: the last row of the page before and at least one more.
	MinSize = 2
)

// Point is where a page begins.
type Point struct {
	// After is the host's cursor, "" for the first page. The page begins with the row Last, which the page before had too.
	After string `json:"after,omitempty"`
	Last  string `json:"last,omitempty"`
	// Size is the size of the page.
	Size int `json:"size,omitempty"`
	// Pass counts how often the list was begun anew.
	Pass int `json:"pass,omitempty"`
	// Seen is the number of rows of the list on the pages before, and SeenBefore the number of all rows of the pass before.
	Seen       int `json:"seen,omitempty"`
	SeenBefore int `json:"seenBefore,omitempty"`
}

// Row is a row of a list: its id, and the host's cursor for what comes behind it.
type Row struct{ ID, Cursor string }

// List is a page of a list.
type List struct {
	Rows []Row
	// More means that there is a page behind this one.
	More bool
	// Total is the number of rows of the whole list, 0 when unknown.
	Total int
}

// Continue says how many rows at the beginning of the page at a point do not count, because the page before had them or
// the list is begun anew, and where the next page begins. isLast means that the list is complete. name is the list's, for errors.
func (p Point) Continue(page List, name string) (skip int, next Point, isLast bool, err error) {
	next = p
	if p.Last != "" {
		skip = 1
		if len(page.Rows) == 0 || page.Rows[0].ID != p.Last {
			// A row that was removed may have moved others to pages that were read already.
			next, err = next.anew(name)
			return len(page.Rows), next, false, err
		}
	}
	next.Seen += len(page.Rows) - skip
	if page.More {
		if len(page.Rows) < MinSize {
			return 0, Point{}, false, fmt.Errorf("the answer for %s is a page of %d rows that is not the last one", name, len(page.Rows))
		}
		end := len(page.Rows) - 1
		next.After, next.Last = page.Rows[end-1].Cursor, page.Rows[end].ID
		return skip, next, false, nil
	}
	// A host may count rows that the credentials may not see. Then two passes find the same number.
	if next.Seen < page.Total && (p.Pass == 0 || next.Seen != p.SeenBefore) {
		next, err = next.anew(name)
		return skip, next, false, err
	}
	return skip, Point{}, true, nil
}

// anew is the beginning of the list.
func (p Point) anew(name string) (Point, error) {
	if p.Pass++; p.Pass > maxPasses {
		return Point{}, fault.New(fault.Conflict, "%s changes faster than it can be read", name)
	}
	p.After, p.Last, p.Seen, p.SeenBefore = "", "", 0, p.Seen
	return p, nil
}
