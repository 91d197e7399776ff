package nunjucks

import "slices"

// iterator is what keys(), values() and entries() of an array return. Walking it uses it up.
type iterator struct{ items []Value }

const iteratorText = "[object Array Iterator]"

// drain returns what is left and leaves nothing.
func (i *iterator) drain() []Value {
	items := i.items
	i.items = nil
	return items
}

// newIteratorMethods makes the methods of iterators.
func newIteratorMethods() map[string]*callable {
	return map[string]*callable{
		"next":     newCallable(0, iteratorNext),
		"toString": newCallable(0, func(*run, Value, []Value) Value { return iteratorText }),
	}
}

func arrayEntries(r *run, array *Array, _ []Value) Value {
	pairs := make([]Value, len(array.Items))
	for i, item := range array.Items {
		pairs[i] = r.newArray([]Value{integer(i), item})
	}
	return &iterator{r.newArray(pairs).Items}
}

func arrayKeys(r *run, array *Array, _ []Value) Value {
	indexes := make([]Value, len(array.Items))
	for i := range indexes {
		indexes[i] = integer(i)
	}
	return &iterator{r.newArray(indexes).Items}
}

func arrayValues(r *run, array *Array, _ []Value) Value {
	return &iterator{r.newArray(slices.Clone(array.Items)).Items}
}

func iteratorNext(_ *run, this Value, _ []Value) Value {
	step := NewObject()
	source, ok := this.(*iterator)
	if !ok || len(source.items) == 0 {
		step.Set("value", Undefined)
		step.Set("done", true)
		return step
	}
	step.Set("value", source.items[0])
	step.Set("done", false)
	source.items = source.items[1:]
	return step
}
