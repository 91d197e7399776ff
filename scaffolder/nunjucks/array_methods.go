package nunjucks

import (
	"math"
	"slices"
)

// newArrayMethods makes the methods of JavaScript's arrays. Function arguments are values such as macros.
func newArrayMethods() map[string]*callable {
	return map[string]*callable{
		"at":          arrayMethod(1, arrayAt),
		"concat":      arrayMethod(1, arrayConcat),
		"copyWithin":  arrayMethod(2, arrayCopyWithin),
		"entries":     arrayMethod(0, arrayEntries),
		"every":       arrayMethod(1, arrayEvery),
		"fill":        arrayMethod(1, arrayFill),
		"filter":      arrayMethod(1, arrayFilter),
		"find":        arrayMethod(1, arrayFind),
		"findIndex":   arrayMethod(1, arrayFindIndex),
		"flat":        arrayMethod(0, arrayFlat),
		"forEach":     arrayMethod(1, arrayForEach),
		"includes":    arrayMethod(1, arrayIncludes),
		"indexOf":     arrayMethod(1, arrayIndexOf),
		"join":        arrayMethod(1, arrayJoin),
		"keys":        arrayMethod(0, arrayKeys),
		"lastIndexOf": arrayMethod(1, arrayLastIndexOf),
		"map":         arrayMethod(1, arrayMap),
		"pop":         newCallable(0, arrayPop),
		"push":        newCallable(1, arrayPush),
		"reduce":      arrayMethod(1, arrayReduce),
		"reverse":     arrayMethod(0, arrayReverse),
		"shift":       arrayMethod(0, arrayShift),
		"slice":       arrayMethod(2, arraySlice),
		"some":        arrayMethod(1, arraySome),
		"sort":        arrayMethod(1, arraySort),
		"splice":      newCallable(2, arraySplice),
		"toString":    arrayMethod(0, func(r *run, array *Array, _ []Value) Value { return r.join(array, ",") }),
		"unshift":     arrayMethod(1, arrayUnshift),
		"values":      arrayMethod(0, arrayValues),
	}
}

// arrayMethod makes a method of a function of the array, and counts the work of walking it.
func arrayMethod(length int, method func(r *run, array *Array, args []Value) Value) *callable {
	return newCallable(length, func(r *run, this Value, args []Value) Value {
		array, ok := this.(*Array)
		if !ok {
			r.fail("a method of lists was called on a %s", typeName(this))
		}
		r.work(len(array.Items) >> 2)
		return method(r, array, args)
	})
}

// callback is the function that a method calls for each item.
func (r *run) callback(v Value) *callable {
	function, ok := v.(*callable)
	if !ok {
		r.fail("%s is not a function", r.describe(v))
	}
	return function
}

// eachItem calls function with each item, its index and the list, until visit returns true.
func (r *run) eachItem(array *Array, function Value, visit func(i int, item, result Value) (done bool)) {
	callback := r.callback(function)
	for i := 0; i < len(array.Items); i++ { //nolint:intrange // function may change the list
		item := array.Items[i]
		if visit(i, item, r.call(callback, Undefined, []Value{item, integer(i), array})) {
			return
		}
	}
}

func arrayAt(r *run, array *Array, args []Value) Value {
	i := r.integer(argument(args, 0), 0)
	if i < 0 {
		i += len(array.Items)
	}
	return r.property(array, float64(i))
}

func arrayConcat(r *run, array *Array, args []Value) Value {
	items := r.room(nil, len(array.Items)+len(args))
	items = append(items, array.Items...)
	for _, arg := range args {
		if more, ok := arg.(*Array); ok {
			items = r.appendItems(items, more.Items...)
		} else {
			items = r.appendItems(items, arg)
		}
	}
	return r.newArray(items)
}

func arrayCopyWithin(r *run, array *Array, args []Value) Value {
	length := len(array.Items)
	target := relativeIndex(r.integer(argument(args, 0), 0), length)
	start := relativeIndex(r.integer(argument(args, 1), 0), length)
	end := relativeIndex(r.integer(argument(args, 2), length), length)
	if start < end {
		copy(array.Items[target:], array.Items[start:end])
	}
	return array
}

func arrayEvery(r *run, array *Array, args []Value) Value {
	all := true
	r.eachItem(array, argument(args, 0), func(_ int, _, result Value) bool {
		all = truthy(result)
		return !all
	})
	return all
}

func arraySome(r *run, array *Array, args []Value) Value {
	found := false
	r.eachItem(array, argument(args, 0), func(_ int, _, result Value) bool {
		found = truthy(result)
		return found
	})
	return found
}

func arrayFill(r *run, array *Array, args []Value) Value {
	length := len(array.Items)
	start := relativeIndex(r.integer(argument(args, 1), 0), length)
	end := relativeIndex(r.integer(argument(args, 2), length), length)
	for i := start; i < end; i++ {
		array.Items[i] = argument(args, 0)
	}
	return array
}

func arrayFilter(r *run, array *Array, args []Value) Value {
	items := []Value{}
	r.eachItem(array, argument(args, 0), func(_ int, item, result Value) bool {
		if truthy(result) {
			items = r.appendItems(items, item)
		}
		return false
	})
	return r.newArray(items)
}

func arrayFind(r *run, array *Array, args []Value) (found Value) {
	found = Undefined
	r.eachItem(array, argument(args, 0), func(_ int, item, result Value) bool {
		if truthy(result) {
			found = item
		}
		return truthy(result)
	})
	return found
}

func arrayFindIndex(r *run, array *Array, args []Value) Value {
	found := -1
	r.eachItem(array, argument(args, 0), func(i int, _, result Value) bool {
		if truthy(result) {
			found = i
		}
		return truthy(result)
	})
	return integer(found)
}

func arrayFlat(r *run, array *Array, args []Value) Value {
	return r.newArray(r.flatten(nil, array, r.integer(argument(args, 0), 1), 0))
}

func (r *run) flatten(items []Value, array *Array, levels, depth int) []Value {
	if depth > maxValueDepth {
		r.fail("lists are nested more than %d levels deep", maxValueDepth)
	}
	for _, item := range array.Items {
		if inner, ok := item.(*Array); ok && levels > 0 {
			items = r.flatten(items, inner, levels-1, depth+1)
			continue
		}
		items = r.appendItems(items, item)
	}
	return items
}

func arrayForEach(r *run, array *Array, args []Value) Value {
	r.eachItem(array, argument(args, 0), func(int, Value, Value) bool { return false })
	return Undefined
}

func arrayIncludes(_ *run, array *Array, args []Value) Value {
	wanted := argument(args, 0)
	number, isNumber := wanted.(float64)
	return slices.ContainsFunc(array.Items, func(item Value) bool {
		if other, ok := item.(float64); ok && isNumber && math.IsNaN(number) {
			return math.IsNaN(other)
		}
		return strictEquals(item, wanted)
	})
}

func arrayIndexOf(r *run, array *Array, args []Value) Value {
	start := relativeIndex(r.integer(argument(args, 1), 0), len(array.Items))
	for i := start; i < len(array.Items); i++ {
		if strictEquals(array.Items[i], argument(args, 0)) {
			return integer(i)
		}
	}
	return -1.0
}

func arrayLastIndexOf(r *run, array *Array, args []Value) Value {
	start := len(array.Items) - 1
	if len(args) > 1 {
		if from := r.integer(args[1], 0); from < 0 {
			start = len(array.Items) + from
		} else {
			start = min(start, from)
		}
	}
	for i := start; i >= 0; i-- {
		if strictEquals(array.Items[i], argument(args, 0)) {
			return integer(i)
		}
	}
	return -1.0
}

func arrayJoin(r *run, array *Array, args []Value) Value {
	separator := ","
	if given := argument(args, 0); !isUndefined(given) {
		separator = r.text(given)
	}
	return r.join(array, separator)
}

func arrayMap(r *run, array *Array, args []Value) Value {
	items := r.room(nil, len(array.Items))
	r.eachItem(array, argument(args, 0), func(_ int, _, result Value) bool {
		items = r.appendItems(items, result)
		return false
	})
	return r.newArray(items)
}

func arrayPop(_ *run, this Value, _ []Value) Value {
	array, ok := this.(*Array)
	if !ok || len(array.Items) == 0 {
		return Undefined
	}
	last := array.Items[len(array.Items)-1]
	array.Items = array.Items[:len(array.Items)-1]
	return last
}

func arrayPush(r *run, this Value, args []Value) Value {
	array, ok := this.(*Array)
	if !ok {
		r.fail("cannot append to a %s", typeName(this))
	}
	array.Items = r.appendItems(array.Items, args...)
	return integer(len(array.Items))
}

func arrayReduce(r *run, array *Array, args []Value) Value {
	callback := r.callback(argument(args, 0))
	start, result := 0, argument(args, 1)
	if len(args) < 2 {
		if len(array.Items) == 0 {
			r.fail("reduce of an empty list with no initial value")
		}
		start, result = 1, array.Items[0]
	}
	for i := start; i < len(array.Items); i++ {
		result = r.call(callback, Undefined, []Value{result, array.Items[i], integer(i), array})
	}
	return result
}

func arrayReverse(_ *run, array *Array, _ []Value) Value {
	slices.Reverse(array.Items)
	return array
}

func arrayShift(_ *run, array *Array, _ []Value) Value {
	if len(array.Items) == 0 {
		return Undefined
	}
	first := array.Items[0]
	array.Items = slices.Delete(array.Items, 0, 1)
	return first
}

func arraySlice(r *run, array *Array, args []Value) Value {
	length := len(array.Items)
	start := relativeIndex(r.integer(argument(args, 0), 0), length)
	end := relativeIndex(r.integer(argument(args, 1), length), length)
	return r.newArray(r.cloneItems(array.Items[start:max(start, end)]))
}

// arraySort sorts in place by a function of the template, or else by the text of the items.
func arraySort(r *run, array *Array, args []Value) Value {
	if compare := argument(args, 0); !isUndefined(compare) {
		callback := r.callback(compare)
		r.sort(array.Items, func(a, b Value) float64 {
			return r.number(r.call(callback, Undefined, []Value{a, b}))
		})
		return array
	}
	r.sort(array.Items, func(a, b Value) float64 { return float64(compareText(r.text(a), r.text(b))) })
	return array
}

func arraySplice(r *run, this Value, args []Value) Value {
	array, ok := this.(*Array)
	if !ok {
		r.fail("cannot splice a %s", typeName(this))
	}
	length := len(array.Items)
	start := relativeIndex(r.integer(argument(args, 0), 0), length)
	count := 0
	switch len(args) {
	case 0:
	case 1:
		count = length - start
	default:
		count = min(max(r.integer(args[1], 0), 0), length-start)
	}
	removed := r.newArray(r.cloneItems(array.Items[start : start+count]))
	var added []Value
	if len(args) > 2 {
		added = args[2:]
	}
	array.Items = slices.Replace(r.room(array.Items, len(added)), start, start+count, added...)
	return removed
}

func arrayUnshift(r *run, array *Array, args []Value) Value {
	array.Items = slices.Insert(r.room(array.Items, len(args)), 0, args...)
	return integer(len(array.Items))
}

// sort sorts as V8 does. Undefined items go last, and compare is not called for them. Short lists are sorted
// by insertion, with V8's order of comparisons: a compare that contradicts itself gives the same result.
func (r *run) sort(items []Value, compare func(a, b Value) float64) {
	defined := slices.DeleteFunc(r.cloneItems(items), isUndefined)
	if len(defined) < shortSort {
		r.insertionSort(defined, compare)
	} else {
		slices.SortStableFunc(defined, func(a, b Value) int {
			r.step()
			return sign(compare(a, b))
		})
	}
	copy(items, defined)
	for i := len(defined); i < len(items); i++ {
		items[i] = Undefined
	}
}

// shortSort is the length below which V8 sorts by insertion alone.
const shortSort = 64

func sign(n float64) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func (r *run) insertionSort(items []Value, compare func(a, b Value) float64) {
	for start := r.firstRun(items, compare); start < len(items); start++ {
		item := items[start]
		low, high := 0, start
		for low < high {
			r.step()
			middle := (low + high) / 2
			if compare(item, items[middle]) < 0 {
				high = middle
			} else {
				low = middle + 1
			}
		}
		copy(items[low+1:start+1], items[low:start])
		items[low] = item
	}
}

// firstRun finds how many items are in order at the start, turning a descending run around.
func (r *run) firstRun(items []Value, compare func(a, b Value) float64) int {
	if len(items) < 2 {
		return len(items)
	}
	end := 2
	descending := compare(items[1], items[0]) < 0
	for end < len(items) && (compare(items[end], items[end-1]) < 0) == descending {
		r.step()
		end++
	}
	if descending {
		slices.Reverse(items[:end])
	}
	return end
}
