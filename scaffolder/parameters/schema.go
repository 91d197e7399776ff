package parameters

import (
	"encoding/json"
	"fmt"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// Problem is something that is wrong with a schema itself.
type Problem struct {
	// Path leads to it within the schema: .properties.name.pattern.
	Path, Message string
}

// CheckSchema says what is wrong with a schema before any value meets it: references that lead nowhere, and
// patterns that are none, or that may take for ever.
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

// literal are the keywords whose values are no schemas.
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
