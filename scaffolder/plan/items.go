package plan

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Items are the items of a step's each, encoded: expressions may change lists in place, so each decision
// decodes its own.
type Items struct {
	keys   []string
	values []json.RawMessage
	// shown are the masked values, nil when the step's expressions see nothing secret.
	shown []json.RawMessage
}

// maxItems bounds the keys, the values and the masked values of Items, each of them, and what it takes to
// encode them, in bytes.
const maxItems = 256 << 10

// encodeItems returns nil for items that JSON does not give back as they are, and for more than maxItems.
func encodeItems(ctx context.Context, iterations []Iteration, shown []nunjucks.Value) *Items {
	items := &Items{}
	values := make([]nunjucks.Value, len(iterations))
	size := 0
	for i, iteration := range iterations {
		if size += len(iteration.Key); size > maxItems {
			return nil
		}
		items.keys, values[i] = append(items.keys, iteration.Key), iteration.Value
	}
	var encodable bool
	if items.values, encodable = encodeEach(ctx, values); !encodable {
		return nil
	}
	if shown != nil {
		if items.shown, encodable = encodeEach(ctx, shown); !encodable {
			return nil
		}
	}
	return items
}

// encodeEach encodes values with an account of its own: the step is not charged for a cache.
func encodeEach(ctx context.Context, values []nunjucks.Value) (encoded []json.RawMessage, encodable bool) {
	left, list := maxItems, &nunjucks.Array{Items: values}
	if !isJSON(list, &left) {
		return nil, false
	}
	account := budget.NewPool(budget.Limits{Process: 4 * maxItems, Account: 4 * maxItems}).Open()
	defer account.Close()
	document, err := nunjucks.EncodeJSONWithin(budget.With(ctx, account), list)
	if err != nil || len(document) > maxItems || json.Unmarshal(document, &encoded) != nil {
		return nil, false
	}
	return encoded, true
}

// isJSON reports whether a value is the same after it was encoded and decoded. It looks at no more than the
// given number of values, because a list may contain itself.
func isJSON(value nunjucks.Value, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	switch value := value.(type) {
	case nil, bool, string:
		return true
	case float64:
		return !math.IsNaN(value) && !math.IsInf(value, 0) && (value != 0 || !math.Signbit(value))
	case *nunjucks.Array:
		for _, item := range value.Items {
			if !isJSON(item, left) {
				return false
			}
		}
		return true
	case *nunjucks.Object:
		for _, item := range value.All() {
			if !isJSON(item, left) {
				return false
			}
		}
		return true
	}
	return false
}

// iterations returns the items without their values, which the loop decodes when they are used.
func (i *Items) iterations() []Iteration {
	iterations := make([]Iteration, len(i.keys))
	for at, key := range i.keys {
		iterations[at].Key = key
	}
	return iterations
}

// hasShown reports whether the step's expressions could see something secret when the items were evaluated.
func (i *Items) hasShown() bool { return i != nil && i.shown != nil }

// decodeAll decodes values together, so that they are counted once.
func decodeAll(ctx context.Context, encoded []json.RawMessage) ([]nunjucks.Value, error) {
	list := bytes.Join(rawBytes(encoded), []byte(","))
	value, err := nunjucks.DecodeJSONWithin(ctx, append(append([]byte("["), list...), ']'))
	if err != nil {
		return nil, fmt.Errorf("kept items of each: %w", err)
	}
	array, isArray := value.(*nunjucks.Array)
	if !isArray {
		return nil, fmt.Errorf("kept items of each: they are a %T", value)
	}
	return array.Items, nil
}

func rawBytes(encoded []json.RawMessage) [][]byte {
	raw := make([][]byte, len(encoded))
	for i := range encoded {
		raw[i] = encoded[i]
	}
	return raw
}
