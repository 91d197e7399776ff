package nunjucks

import (
	"maps"
	"slices"
)

// Path has the first names on the way from a template's data to a value that it reads: a.b["c"].d is a, b, c, d. A shorter
// way leaves the last ones empty.
type Path [4]string

// pathBytes is the memory of a Path, without the names, which the source has.
const pathBytes = 128

// Reads returns the paths to what the template may read from its data, in no order. Those that are computed, and those
// from a variable of a loop or a macro, are not among them.
func (t *Template) Reads() []Path { return slices.Collect(maps.Keys(t.reads)) }

// read notes that a member is read. Of a longer path, its beginning has been noted before.
func (c *compiler) read(e *namedMemberExpression) {
	path, ok := pathTo(e)
	if _, noted := c.reads[path]; !ok || noted {
		return
	}
	c.memory.charge(pathBytes)
	c.reads[path] = struct{}{}
}

// pathTo is the path to a value, unless it is longer than a Path or more than names.
func pathTo(e expression) (path Path, ok bool) {
	for i := range path {
		switch at := e.(type) {
		case *namedMemberExpression:
			path[i], e = at.name, at.target
		case *nameExpression:
			path[i] = at.name
			slices.Reverse(path[:i+1])
			return path, true
		default:
			return Path{}, false
		}
	}
	return Path{}, false
}
