package nunjucks

// instruction is an executable statement.
type instruction interface{ execute(r *run) }

func (r *run) execute(code []instruction) {
	for _, i := range code {
		r.step()
		i.execute(r)
	}
}

type textInstruction string

func (i textInstruction) execute(r *run) { r.write(string(i)) }

type outputInstruction struct {
	value expression
	position
}

func (i *outputInstruction) execute(r *run) {
	r.position = i.position
	switch value := i.value.eval(r).(type) {
	case string:
		r.put(value)
	case nil, undefinedType:
	default:
		r.put(r.text(value))
	}
}

// put writes the text of an output.
func (r *run) put(text string) {
	r.write(text)
	if r.observe != nil {
		r.allocate(len(text) + stringBytes)
		r.kept += len(text) + stringBytes
		r.observe(text)
	}
}

// resetInstruction makes variables undefined at the start of a JavaScript function that is called
// immediately.
type resetInstruction struct{ from, to int }

func (i *resetInstruction) execute(r *run) { clearSlots(r.locals.slots[i.from:i.to]) }

type ifInstruction struct {
	condition    expression
	body, orElse []instruction
}

func (i *ifInstruction) execute(r *run) {
	if truthy(i.condition.eval(r)) {
		r.execute(i.body)
	} else {
		r.execute(i.orElse)
	}
}

// loopInstruction is a for loop. Its frame lasts for the whole loop: the next round sees the variables that
// the body set.
type loopInstruction struct {
	list expression
	// items is the body for a list, pairs the body for an object with several variables. nunjucks emits the
	// body twice.
	items, pairs loopBody
	names        []string
	// length is the variable that has the number of rounds. It keeps its value when the list is falsy, so in
	// a nested loop the value of the previous outer round decides whether else runs.
	length       int
	destructures bool
	orElse       []instruction
	position
}

// loopBody is the body of a loop with the JavaScript variables of its names.
type loopBody struct {
	slots []int
	code  []instruction
}

func (i *loopInstruction) execute(r *run) {
	r.activation.frame = r.activation.frame.push(false)
	if list := i.list.eval(r); truthy(list) {
		r.position = i.position
		i.iterate(r, r.fromIterator(list))
	}
	if len(i.orElse) > 0 && !truthy(r.locals.slots[i.length]) {
		r.execute(i.orElse)
	}
	r.activation.frame = r.activation.frame.outer
}

func (i *loopInstruction) iterate(r *run, list Value) {
	switch list := list.(type) {
	case *Array:
		i.overArray(r, list)
	case string:
		if i.destructures {
			i.overMembers(r, r.indexedMembers(list))
		} else {
			i.overArray(r, &Array{r.textSplit(list)})
		}
	default:
		if i.destructures {
			i.overMembers(r, r.enumerable(list))
		} else {
			i.overArrayLike(r, list)
		}
	}
}

// overArray also visits items that the body appends, but loop.length stays the original length.
func (i *loopInstruction) overArray(r *run, list *Array) {
	length := integer(len(list.Items))
	r.locals.slots[i.length] = length
	for n := 0; n < len(list.Items); n++ { //nolint:intrange // the body may change the list
		if i.destructures {
			i.destructure(r, list.Items[n])
		} else {
			i.bind(r, &i.items, 0, list.Items[n])
		}
		i.round(r, &i.items, n, length)
	}
}

// destructure sets the loop's variables from an item. As in nunjucks they are JavaScript variables only, and
// are not set in the frame.
func (i *loopInstruction) destructure(r *run, item Value) {
	r.require(item, "parts")
	for n, slot := range i.items.slots {
		r.locals.slots[slot] = r.property(item, integer(n))
	}
}

// bind sets the n-th variable of the loop.
func (i *loopInstruction) bind(r *run, body *loopBody, n int, value Value) {
	r.locals.slots[body.slots[n]] = value
	r.activation.frame.set(i.names[n], value)
}

// round runs the body once.
func (i *loopInstruction) round(r *run, body *loopBody, n int, length Value) {
	r.bindLoop(n, length)
	r.step()
	r.execute(body.code)
}

// overArrayLike iterates over any value that has a length.
func (i *loopInstruction) overArrayLike(r *run, list Value) {
	length := r.member(list, "length")
	r.locals.slots[i.length] = length
	for n := 0; r.less(integer(n), r.member(list, "length")); n++ {
		i.bind(r, &i.items, 0, r.property(list, integer(n)))
		i.round(r, &i.items, n, length)
	}
}

// overMembers iterates over the keys that an object had at the start, without those that the body deletes.
func (i *loopInstruction) overMembers(r *run, source *Object) {
	r.allocateEach(source.Len(), memberBytes)
	members := append([]member(nil), r.members(source)...)
	length := integer(len(members))
	r.locals.slots[i.length] = length
	for n, m := range members {
		value, ok := source.Get(m.key)
		if !ok {
			continue
		}
		i.bind(r, &i.pairs, 0, m.key)
		i.bind(r, &i.pairs, 1, value)
		i.round(r, &i.pairs, n, length)
	}
}

// bindLoop sets the members of the variable loop.
func (r *run) bindLoop(n int, length Value) {
	if !r.template.mentionsLoop {
		return
	}
	current := r.activation.frame.own(loopName)
	if !truthy(current) {
		current = r.newObject(8)
		r.activation.frame.set(loopName, current)
	}
	loop, ok := current.(*Object)
	if !ok {
		r.fail("the variable loop holds no object")
	}
	count := r.number(length)
	loop.Set("index", integer(n+1))
	loop.Set("index0", integer(n))
	loop.Set("revindex", count-float64(n))
	loop.Set("revindex0", count-float64(n)-1)
	loop.Set("first", n == 0)
	loop.Set("last", float64(n) == count-1)
	loop.Set("length", length)
}

// asyncLoopInstruction is asyncEach or asyncAll. Their callbacks run immediately. They differ from for in the
// values that they accept, and each round starts with new variables.
type asyncLoopInstruction struct {
	*loopInstruction
	reset     resetInstruction
	elseGiven bool
}

func (i *asyncLoopInstruction) execute(r *run) {
	r.activation.frame = r.activation.frame.push(false)
	list := r.fromIterator(i.list.eval(r))
	r.position = i.position
	if array, ok := list.(*Array); ok {
		i.overItems(r, array)
	} else {
		i.overPairs(r, list)
	}
	if i.elseGiven && !truthy(r.member(r.require(list, "length"), "length")) {
		r.execute(i.orElse)
	}
	r.activation.frame = r.activation.frame.outer
}

func (i *asyncLoopInstruction) overItems(r *run, list *Array) {
	length := integer(len(list.Items))
	for n := 0; n < len(list.Items); n++ { //nolint:intrange // the body may change the list
		item := list.Items[n]
		i.reset.execute(r)
		if !i.destructures {
			i.bind(r, &i.items, 0, item)
		} else {
			i.spread(r, item)
		}
		i.round(r, &i.items, n, length)
	}
}

// spread binds the loop's variables to the parts of an item, like the arguments of a call. With four or more
// variables, the item must have as many parts.
func (i *asyncLoopInstruction) spread(r *run, item Value) {
	r.require(item, "parts")
	if array, ok := item.(*Array); len(i.names) > 3 && (!ok || len(array.Items) != len(i.names)) {
		r.fail("the loop has %d variables, its item another number of parts", len(i.names))
	}
	for n := range i.names {
		i.bind(r, &i.items, n, r.property(item, integer(n)))
	}
}

// overPairs iterates over an object, for which the loop must have two variables unless the object is empty.
func (i *asyncLoopInstruction) overPairs(r *run, list Value) {
	source := NewObject()
	if truthy(list) {
		source = r.enumerable(list)
	}
	if source.Len() > 0 && len(i.names) != 2 {
		r.fail("an asynchronous loop over an object needs two variables")
	}
	length := integer(source.Len())
	n := 0
	for _, m := range r.members(source) {
		i.reset.execute(r)
		i.bind(r, &i.items, 0, m.key)
		i.bind(r, &i.items, 1, m.value)
		i.round(r, &i.items, n, length)
		n++
	}
}

type switchInstruction struct {
	value  expression
	cases  []caseInstruction
	orElse []instruction
}

type caseInstruction struct {
	condition expression
	code      []instruction
	// empty is true for a case without any content, which falls through to the next.
	empty bool
}

func (i *switchInstruction) execute(r *run) {
	value := i.value.eval(r)
	matched := false
	for _, branch := range i.cases {
		matched = matched || strictEquals(value, branch.condition.eval(r))
		if matched && !branch.empty {
			r.execute(branch.code)
			return
		}
	}
	r.execute(i.orElse)
}

type setInstruction struct {
	names []string
	// variables are the JavaScript variables among the targets.
	variables []*localExpression
	value     expression
	position
}

func (i *setInstruction) execute(r *run) {
	r.position = i.position
	value := i.value.eval(r)
	for _, variable := range i.variables {
		variable.assign(r, value)
	}
	for _, name := range i.names {
		frame := r.activation.frame
		frame.assign(name, value)
		if frame.topLevel {
			r.setVariable(name, value)
		}
	}
}

type macroInstruction struct {
	macro *macro
	name  string
	slot  int
	// global is true for a macro that becomes a variable of the template rather than of the frame.
	global bool
}

func (i *macroInstruction) execute(r *run) {
	function := i.macro.closure(r, false)
	r.locals.slots[i.slot] = function
	if i.global {
		r.setVariable(i.name, function)
	} else {
		r.activation.frame.set(i.name, function)
	}
}

type blockInstruction struct {
	name string
	position
}

func (i *blockInstruction) execute(r *run) {
	r.position = i.position
	block, ok := r.template.blocks[i.name]
	if !ok {
		r.fail("unknown block %q", i.name)
	}
	if block.missingSuper {
		r.fail("no super block available for %q", i.name)
	}
	r.enter(block.height)
	r.allocate(callBytes + block.slots*valueBytes)
	outer, locals := r.activation, r.locals
	r.activation = &activation{outer.frame.push(true)}
	r.locals = newLocals(block.slots, nil)
	text := r.capture(block.code)
	r.activation, r.locals = outer, locals
	r.leave(block.height)
	r.write(text)
}

// referenceInstruction refers to another template. It always fails, because no other template exists.
type referenceInstruction struct {
	tag           string
	template      expression
	ignoreMissing bool
	position
}

func (i *referenceInstruction) execute(r *run) {
	r.position = i.position
	name, ok := i.template.eval(r).(string)
	if !ok {
		r.fail("template names must be a string")
	}
	if !i.ignoreMissing {
		r.fail("template not found: %s (%s is not supported: a template stands alone)", name, i.tag)
	}
}
