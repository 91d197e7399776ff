package parameters

import (
	"fmt"
	"strings"

	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

func checkProperties(c *check, argument nunjucks.Value) {
	properties, isMap := argument.(*nunjucks.Object)
	object, isObject := c.instance.(*nunjucks.Object)
	if !isMap || !isObject {
		return
	}
	for name, schema := range properties.All() {
		c.found = append(c.found, c.validate(c.at.member(name), schema, member(object, name))...)
	}
}

func checkPatternProperties(c *check, argument nunjucks.Value) {
	patterns, isMap := argument.(*nunjucks.Object)
	object, isObject := c.instance.(*nunjucks.Object)
	if !isMap || !isObject {
		return
	}
	for name, value := range object.All() {
		for pattern, schema := range patterns.All() {
			if c.matches(pattern, name) {
				c.found = append(c.found, c.validate(c.at.member(name), schema, value)...)
			}
		}
	}
}

func checkAdditionalProperties(c *check, argument nunjucks.Value) {
	object, isObject := c.instance.(*nunjucks.Object)
	if !isObject {
		return
	}
	declared, _ := member(c.schema, "properties").(*nunjucks.Object)
	patterns, _ := member(c.schema, "patternProperties").(*nunjucks.Object)
	for name, value := range object.All() {
		if declared != nil && member(declared, name) != nunjucks.Undefined || c.matchesAny(patterns, name) {
			continue
		}
		if argument == false {
			c.violation("additionalProperties", name, "is not allowed to have the additional property %s", quote(name))
			continue
		}
		c.found = append(c.found, c.validate(c.at.member(name), argument, value)...)
	}
}

func (c *check) matchesAny(patterns *nunjucks.Object, name string) bool {
	if patterns == nil {
		return false
	}
	for _, pattern := range patterns.Keys() {
		if c.matches(pattern, name) {
			return true
		}
	}
	return false
}

func checkPropertyNames(c *check, argument nunjucks.Value) {
	object, isObject := c.instance.(*nunjucks.Object)
	if !isObject {
		return
	}
	for _, name := range object.Keys() {
		c.found = append(c.found, c.validate(c.at.member(name), argument, name)...)
	}
}

func checkDependencies(c *check, argument nunjucks.Value) {
	dependencies, isMap := argument.(*nunjucks.Object)
	object, isObject := c.instance.(*nunjucks.Object)
	if !isMap || !isObject {
		return
	}
	for name, dependency := range dependencies.All() {
		if member(object, name) == nunjucks.Undefined {
			continue
		}
		at := c.at.member(name)
		switch wanted := dependency.(type) {
		case string:
			c.dependency(object, wanted, at)
		case *nunjucks.Array:
			for _, item := range wanted.Items {
				if other, isText := item.(string); isText {
					c.dependency(object, other, at)
				}
			}
		default:
			c.found = append(c.found, c.validate(at, dependency, c.instance)...)
		}
	}
}

func (c *check) dependency(object *nunjucks.Object, wanted string, by place) {
	if member(object, wanted) == nunjucks.Undefined {
		c.violation("dependencies", by.property, "property %s not found, required by %s", wanted, by.property)
	}
}

func checkItems(c *check, argument nunjucks.Value) {
	list, isList := c.instance.(*nunjucks.Array)
	if !isList {
		return
	}
	tuple, isTuple := argument.(*nunjucks.Array)
	for i, item := range list.Items {
		schema := argument
		if isTuple && i < len(tuple.Items) {
			schema = tuple.Items[i]
		} else if isTuple {
			return // additionalItems has its say
		}
		c.found = append(c.found, c.validate(c.at.item(i), schema, item)...)
	}
}

func checkAdditionalItems(c *check, argument nunjucks.Value) {
	list, isList := c.instance.(*nunjucks.Array)
	tuple, isTuple := member(c.schema, "items").(*nunjucks.Array)
	if !isList || !isTuple || len(list.Items) <= len(tuple.Items) {
		return
	}
	if argument == false {
		c.violation("additionalItems", len(tuple.Items), "is not allowed to have additional items")
		return
	}
	for i := len(tuple.Items); i < len(list.Items); i++ {
		c.found = append(c.found, c.validate(c.at.item(i), argument, list.Items[i])...)
	}
}

func checkContains(c *check, argument nunjucks.Value) {
	list, isList := c.instance.(*nunjucks.Array)
	if !isList {
		return
	}
	for i, item := range list.Items {
		if len(c.validate(c.at.item(i), argument, item)) == 0 {
			return
		}
	}
	c.violation("contains", encode(argument), "must contain an item matching given schema")
}

func checkUniqueItems(c *check, argument nunjucks.Value) {
	list, isList := c.instance.(*nunjucks.Array)
	if argument != true || !isList {
		return
	}
	seen := map[string]bool{}
	for _, item := range list.Items {
		key := string(encode(item))
		if seen[key] {
			c.violation("uniqueItems", nil, "contains duplicate item")
			return
		}
		seen[key] = true
	}
}

func checkAllOf(c *check, argument nunjucks.Value) {
	for i, schema := range subschemas(argument) {
		if found := c.validate(c.at, schema, c.instance); len(found) > 0 {
			label := subschemaLabel(i, schema)
			c.violation("allOf", map[string]any{"id": label, "length": len(found)},
				"does not match allOf schema %s with %d error[s]:", label, len(found))
			c.found = append(c.found, found...)
		}
	}
}

func checkAnyOf(c *check, argument nunjucks.Value) {
	if c.instance == nunjucks.Undefined {
		return
	}
	if labels, matching := c.matching(argument); matching == 0 {
		c.violation("anyOf", labels, "is not any of %s", strings.Join(labels, ","))
	}
}

func checkOneOf(c *check, argument nunjucks.Value) {
	if c.instance == nunjucks.Undefined {
		return
	}
	if labels, matching := c.matching(argument); matching != 1 {
		c.violation("oneOf", labels, "is not exactly one from %s", strings.Join(labels, ","))
	}
}

// matching counts the subschemas that the value satisfies.
func (c *check) matching(argument nunjucks.Value) (labels []string, matching int) {
	for i, schema := range subschemas(argument) {
		labels = append(labels, subschemaLabel(i, schema))
		if len(c.validate(c.at, schema, c.instance)) == 0 {
			matching++
		}
	}
	return labels, matching
}

func checkNot(c *check, argument nunjucks.Value) {
	if c.instance == nunjucks.Undefined {
		return
	}
	if len(c.validate(c.at, argument, c.instance)) == 0 {
		c.violation("not", encode(argument), "is of prohibited type %s", subschemaLabel(0, argument))
	}
}

func checkIf(c *check, argument nunjucks.Value) {
	if c.instance == nunjucks.Undefined {
		return
	}
	branch := "then"
	if len(c.validate(c.at, argument, c.instance)) > 0 {
		branch = "else"
	}
	if schema := member(c.schema, branch); schema != nunjucks.Undefined {
		c.found = append(c.found, c.validate(c.at, schema, c.instance)...)
	}
}

func subschemas(argument nunjucks.Value) []nunjucks.Value {
	if list, isList := argument.(*nunjucks.Array); isList {
		return list.Items
	}
	return nil
}

// subschemaLabel is what jsonschema calls a subschema: its id, its title, its $ref, or its place.
func subschemaLabel(i int, schema nunjucks.Value) string {
	if object, isObject := schema.(*nunjucks.Object); isObject {
		for _, name := range []string{"$id", "id"} {
			if id, isText := member(object, name).(string); isText {
				return "<" + id + ">"
			}
		}
		if title, isText := member(object, "title").(string); isText && title != "" {
			return quote(title)
		}
		if reference, isText := member(object, "$ref").(string); isText {
			return "<" + reference + ">"
		}
	}
	return fmt.Sprintf("[subschema %d]", i)
}
