package parameters

import (
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Problem is a problem of a schema itself.
type Problem struct {
	// Path is its location in the schema: .properties.name.pattern.
	Path, Message string
}

// CheckSchema returns the problems of a schema: references that cannot be resolved, and patterns that do not
// compile or may take exponential time.
func CheckSchema(schema json.RawMessage) []Problem {
	root, err := nunjucks.DecodeJSON(schema)
	if err != nil {
		return []Problem{{Message: err.Error()}}
	}
	c := &schemaCheck{validator: &validator{root: root}}
	c.walk("", root, 0)
	return c.problems
}

type schemaCheck struct {
	*validator
	problems []Problem
}

func (c *schemaCheck) add(path, message string) {
	if message != "" && len(c.problems) < maxViolations {
		c.problems = append(c.problems, Problem{path, message})
	}
}

func (c *schemaCheck) walk(path string, value nunjucks.Value, depth int) {
	if depth > maxDepth {
		return
	}
	switch value := value.(type) {
	case *nunjucks.Array:
		for i, item := range value.Items {
			c.walk(fmt.Sprintf("%s[%d]", path, i), item, depth+1)
		}
	case *nunjucks.Object:
		c.keywords(path, value)
		for key, member := range value.All() {
			if !literal[key] {
				c.walk(path+"."+key, member, depth+1)
			}
		}
	}
}

// literal has the keywords whose values are not schemas.
var literal = map[string]bool{"default": true, "const": true, "enum": true, "examples": true, "example": true, "ui:options": true}

func (c *schemaCheck) keywords(path string, schema *nunjucks.Object) {
	if pattern, isText := member(schema, "pattern").(string); isText {
		c.add(path+".pattern", CheckPattern(pattern))
	}
	if patterns, isObject := member(schema, "patternProperties").(*nunjucks.Object); isObject {
		for pattern := range patterns.All() {
			c.add(path+".patternProperties", CheckPattern(pattern))
		}
	}
	if reference, isText := member(schema, "$ref").(string); isText {
		if _, err := c.resolve(reference); err != nil {
			c.add(path+".$ref", err.Error())
		}
	}
}
