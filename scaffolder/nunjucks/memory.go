package nunjucks

import (
	"context"
	"fmt"
	"time"

	"github.com/portico-dev/portico/scaffolder/budget"
)

// The sizes of values in Go, in bytes. Smaller allocations that are not kept in a list are not counted.
const (
	// valueBytes is an item of a list, memberBytes a member of an object.
	valueBytes, memberBytes = 16, 32
	// stringBytes is a string without its text, numberBytes a number, as values.
	stringBytes, numberBytes = 16, 8
	// arrayBytes is a list without its items, objectBytes an object without its members.
	arrayBytes, objectBytes = 24, 48
	// indexBytes is a member in the index of an object, while the map grows.
	indexBytes = 64
	// callBytes is a call of a macro or a block, without its variables.
	callBytes = 256
	// functionBytes is a function bound to its target.
	functionBytes = 112
	// hostBytes is how much a function of the host may allocate for each byte of its arguments.
	hostBytes = 64
	// parsedBytes is a part of a template in the syntax tree, compiledBytes one in the executable tree.
	parsedBytes, compiledBytes = 128, 160
	// patternBytes is the shortest regular expression, letterBytes each of its characters.
	patternBytes, letterBytes = 4 << 10, 256
)

// grantBytes is the smallest amount of memory that a rendering asks its account for.
const grantBytes = 64 << 10

// memory counts what a rendering allocates.
type memory struct {
	account *budget.Account
	// allocated is the sum counted so far, granted what the account gave, kept what stays in use as the
	// result.
	allocated, granted, kept int
}

// allocate counts the bytes of a value before it is allocated.
func (r *run) allocate(bytes int) {
	if bytes < 0 || bytes > r.granted-r.allocated {
		r.grow(bytes)
	}
	r.allocated += bytes
	r.work(bytes >> 6)
}

// grow asks the account for memory. The time spent waiting does not count as rendering time.
func (r *run) grow(bytes int) {
	left := r.limits.AllocationBytes - r.allocated
	if bytes < 0 || bytes > left {
		r.exceed("AllocationBytes", r.limits.AllocationBytes)
	}
	wanted := min(max(r.allocated+bytes-r.granted, grantBytes), r.limits.AllocationBytes-r.granted)
	began := time.Now()
	if err := r.account.Acquire(r.ctx, wanted); err != nil {
		panic(thrown{err})
	}
	r.deadline = r.deadline.Add(time.Since(began))
	r.granted += wanted
}

// reserve counts bytes for as long as use runs.
func (r *run) reserve(bytes int, use func()) {
	r.allocate(bytes)
	use()
	r.allocated -= bytes
}

// allocateItems counts n values in a list.
func (r *run) allocateItems(n int) {
	r.allocateEach(n, valueBytes)
	r.work(n)
}

// allocateEach counts n values of the given size.
func (r *run) allocateEach(n, bytes int) {
	if n > r.limits.AllocationBytes/bytes {
		r.exceed("AllocationBytes", r.limits.AllocationBytes)
	}
	r.allocate(n * bytes)
}

// sourceMemory counts the memory of parsing and compiling a source.
type sourceMemory struct {
	ctx     context.Context //nolint:containedctx // as in run: it lives as long as one call
	account *budget.Account
	// limit bounds the memory, made is the sum counted so far, granted what the account gave.
	limit, made, granted int
	// time is how long parsing may take, and deadline when that is over.
	time     time.Duration
	deadline time.Time
}

// charge counts bytes that are about to be allocated.
func (m *sourceMemory) charge(bytes int) {
	if bytes > m.limit-m.made {
		panic(thrown{&LimitError{"AllocationBytes", fmt.Sprint(m.limit)}})
	}
	if m.made += bytes; m.made <= m.granted {
		return
	}
	wanted := max(m.made-m.granted, grantBytes)
	if err := m.account.Acquire(m.ctx, wanted); err != nil {
		panic(thrown{err})
	}
	m.granted += wanted
	if err := m.ctx.Err(); err != nil {
		panic(thrown{fmt.Errorf("the parsing was stopped: %w", err)})
	}
	if time.Now().After(m.deadline) {
		panic(thrown{&LimitError{"Time", fmt.Sprint(m.time)}})
	}
}

// room grows a list's capacity for n more items.
func (r *run) room(items []Value, n int) []Value {
	if cap(items)-len(items) >= n {
		return items
	}
	size := max(2*cap(items), len(items)+n, 4)
	r.allocateItems(size)
	return append(make([]Value, 0, size), items...)
}

// appendItems appends to a list and counts its growth.
func (r *run) appendItems(items []Value, more ...Value) []Value {
	return append(r.room(items, len(more)), more...)
}

// cloneItems copies a list.
func (r *run) cloneItems(items []Value) []Value {
	r.allocateItems(len(items))
	return append(make([]Value, 0, len(items)), items...)
}

// newArray makes a list of items that were already counted.
func (r *run) newArray(items []Value) *Array {
	r.allocate(arrayBytes)
	return &Array{items}
}

// newSafe makes a safe string of a text that was already counted.
func (r *run) newSafe(text string) *safeString {
	r.allocate(stringBytes)
	return &safeString{text}
}

// newObject makes an object with room for n members.
func (r *run) newObject(n int) *Object {
	r.allocate(objectBytes)
	r.allocateEach(n, memberBytes)
	if n > scanLimit {
		r.allocateEach(n, indexBytes)
	}
	return newObjectOf(n)
}

// set sets a member and counts the object's growth.
func (r *run) set(object *Object, key string, value Value) {
	if len(object.members) == cap(object.members) && object.find(key) < 0 {
		size := max(2*cap(object.members), 4)
		r.allocateEach(size, memberBytes)
		if size > scanLimit {
			r.allocateEach(size, indexBytes)
		}
		object.members = append(make([]member, 0, size), object.members...)
	}
	object.Set(key, value)
}

// members lists the members of an object in JavaScript's order. It counts the copy that sorting may need.
func (r *run) members(object *Object) []member {
	if object.integers > 0 {
		r.allocateEach(object.Len(), memberBytes)
	}
	return object.ordered()
}

// makeText makes a buffer for a text of about that size.
func (r *run) makeText(size int) []byte {
	r.allocate(size)
	return make([]byte, 0, size)
}

// appendText appends to a buffer and counts its growth.
func (r *run) appendText(buffer []byte, text string) []byte {
	r.work(len(text) >> 6)
	return appendText(r.textRoom(buffer, len(text)), text)
}

// textRoom grows a buffer's capacity for n more bytes.
func (r *run) textRoom(buffer []byte, n int) []byte {
	size := len(buffer) + n
	if size <= cap(buffer) {
		return buffer
	}
	size = max(2*cap(buffer), size, 64)
	r.allocate(size)
	return append(make([]byte, 0, size), buffer...)
}

// textOf returns the buffer's text.
func (r *run) textOf(buffer []byte) string {
	r.allocate(len(buffer) + stringBytes)
	return string(buffer)
}

// concatenate joins two strings.
func (r *run) concatenate(left, right string) string {
	r.allocate(len(left) + len(right) + stringBytes)
	return concatenate(left, right)
}
