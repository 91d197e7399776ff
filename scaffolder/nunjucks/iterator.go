package nunjucks

// iterator is the result of keys(), values() and entries() of an array. It can be iterated once.
type iterator struct{ items []Value }

const iteratorText = "[object Array Iterator]"

// drain returns the remaining items and empties the iterator.
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
	r.allocateEach(len(array.Items), arrayBytes+2*valueBytes+numberBytes)
	pairs := r.room(nil, len(array.Items))
	for i, item := range array.Items {
		pairs = append(pairs, &Array{[]Value{integer(i), item}})
	}
	return &iterator{pairs}
}

func arrayKeys(r *run, array *Array, _ []Value) Value {
	r.allocateEach(len(array.Items), numberBytes)
	indexes := r.room(nil, len(array.Items))
	for i := range array.Items {
		indexes = append(indexes, integer(i))
	}
	return &iterator{indexes}
}

func arrayValues(r *run, array *Array, _ []Value) Value {
	return &iterator{r.cloneItems(array.Items)}
}

func iteratorNext(r *run, this Value, _ []Value) Value {
	step := r.newObject(2)
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
