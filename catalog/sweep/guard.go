package sweep

import (
	"strconv"
	"strings"

	"github.com/portico-dev/portico/fault"
)

// Limit is how many entities a sweep may remove without a decision of a person. The zero value is DefaultLimit.
type Limit struct {
	// Share is a share of all entities of the source, from 0 to 1. A sweep that removes at most minRemovals
	// entities never waits because of it.
	Share float64
	// Count is a number of entities, which counts instead of the share when it is set.
	Count *int
}

// DefaultLimit is a fifth of the source.
var DefaultLimit = Limit{Share: 0.2}

// minRemovals is how many entities a sweep may always remove when the limit is a share: of three entities, one is
// a third.
const minRemovals = 20

// ParseLimit reads a limit: a number of entities, "100", or a share of them, "20%". "" is DefaultLimit.
func ParseLimit(text string) (Limit, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return DefaultLimit, nil
	}
	if percent, is := strings.CutSuffix(text, "%"); is {
		share, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
		if err == nil && share >= 0 && share <= 100 {
			return Limit{Share: share / 100}, nil
		}
	} else if count, err := strconv.Atoi(text); err == nil && count >= 0 {
		return Limit{Count: &count}, nil
	}
	return Limit{}, fault.New(fault.Input, "%q is neither a number of entities nor a share of them such as 20%%", text)
}

// stops reports whether a sweep that removes so many of a source's entities waits for a person. Once is the
// limit of this sweep alone, nil when it has none.
func (l Limit) stops(removed, total int, once *int32) bool {
	switch {
	case once != nil:
		return removed > int(*once)
	case l.Count != nil:
		return removed > *l.Count
	case l == Limit{}:
		l = DefaultLimit
	}
	return removed > minRemovals && float64(removed) > l.Share*float64(total)
}
