package parameters

import (
	"fmt"
	"slices"
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
		matched := false
		for pattern, schema := range patterns.All() {
			if c.matches(pattern, name) {
				matched = true
				c.found = append(c.found, c.validate(c.at.member(name), schema, value)...)
			}
		}
		if !matched {
			c.additionalProperty(name, value)
		}
	}
}

func checkAdditionalProperties(c *check, _ nunjucks.Value) {
	object, isObject := c.instance.(*nunjucks.Object)
	if !isObject || member(c.schema, "patternProperties") != nunjucks.Undefined {
		return // patternProperties checks the properties that match no pattern
	}
	for name, value := range object.All() {
		c.additionalProperty(name, value)
	}
}

// additionalProperty checks a property that is not in properties against additionalProperties.
func (c *check) additionalProperty(name string, value nunjucks.Value) {
	declared, isMap := member(c.schema, "properties").(*nunjucks.Object)
	if isMap && member(declared, name) != nunjucks.Undefined {
		return
	}
	switch schema := member(c.schema, "additionalProperties"); schema {
	case nunjucks.Undefined:
	case false:
		c.violation("additionalProperties", name, "is not allowed to have the additional property %s", quote(name))
	default:
		c.found = append(c.found, c.validate(c.at.member(name), schema, value)...)
	}
}

func checkPropertyNames(c *check, argument nunjucks.Value) {
	object, isObject := c.instance.(*nunjucks.Object)
	if !isObject {
		return
	}
	for _, name := range object.Keys() {
		c.found = append(c.found, c.validate(c.at, argument, name)...)
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
			if found := c.validate(at, dependency, c.instance); len(found) > 0 {
				c.violation("dependencies", at.property, "does not meet dependency required by %s", at.property)
				c.found = append(c.found, found...)
			}
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
	for i, item := range list.Items {
		switch schema := itemSchema(c.schema, argument, i); schema {
		case nunjucks.Undefined:
		case false:
			c.violation("items", nil, "additionalItems not permitted")
			return
		default:
			c.found = append(c.found, c.validate(c.at.item(i), schema, item)...)
		}
	}
}

// itemSchema returns the schema of the item at i: one schema for all, or a list of schemas by index, with
// additionalItems for the items after the list's end.
func itemSchema(schema *nunjucks.Object, items nunjucks.Value, i int) nunjucks.Value {
	tuple, isTuple := items.(*nunjucks.Array)
	switch {
	case !isTuple:
		return items
	case i < len(tuple.Items):
		return tuple.Items[i]
	default:
		return member(schema, "additionalItems")
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
		key := string(encode(sorted(item)))
		if seen[key] {
			c.violation("uniqueItems", nil, "contains duplicate item")
			return
		}
		seen[key] = true
	}
}

// sorted sorts the keys of a value's objects, so that equal values have equal encodings.
func sorted(value nunjucks.Value) nunjucks.Value {
	switch value := value.(type) {
	case *nunjucks.Array:
		items := make([]nunjucks.Value, len(value.Items))
		for i, item := range value.Items {
			items[i] = sorted(item)
		}
		return &nunjucks.Array{Items: items}
	case *nunjucks.Object:
		object := nunjucks.NewObject()
		for _, name := range slices.Sorted(slices.Values(value.Keys())) {
			object.Set(name, sorted(member(value, name)))
		}
		return object
	default:
		return value
	}
}

func checkAllOf(c *check, argument nunjucks.Value) {
	for i, schema := range c.subschemas("allOf", argument) {
		if found := c.validate(c.at, schema, c.instance); len(found) > 0 {
			label := subschemaLabel(i, schema, "%s")
			c.violation("allOf", map[string]any{"id": label, "length": len(found)},
				"does not match allOf schema %s with %d error[s]:", label, len(found))
			c.found = append(c.found, found...)
		}
	}
}

func checkAnyOf(c *check, argument nunjucks.Value) {
	labels, matching := c.satisfied("anyOf", argument, "<%s>")
	if c.instance != nunjucks.Undefined && matching == 0 {
		c.violation("anyOf", labels, "is not any of %s", strings.Join(labels, ","))
	}
}

func checkOneOf(c *check, argument nunjucks.Value) {
	labels, matching := c.satisfied("oneOf", argument, "%s")
	if c.instance != nunjucks.Undefined && matching != 1 {
		c.violation("oneOf", labels, "is not exactly one from %s", strings.Join(labels, ","))
	}
}

// satisfied counts the subschemas that the value satisfies.
func (c *check) satisfied(name string, argument nunjucks.Value, idFormat string) (labels []string, matching int) {
	labels = []string{}
	for i, schema := range c.subschemas(name, argument) {
		labels = append(labels, subschemaLabel(i, schema, idFormat))
		if len(c.validate(c.at, schema, c.instance)) == 0 {
			matching++
		}
	}
	return labels, matching
}

func checkNot(c *check, argument nunjucks.Value) {
	if c.instance == nunjucks.Undefined || argument == false {
		return
	}
	for _, prohibited := range listOf(argument) {
		// jsonschema reads true here as the name of an unknown type. Every value is of an unknown type, so
		// the result is the same as for the schema true.
		if !c.isOfType(prohibited) {
			continue
		}
		if id := idOf(prohibited); id != "" {
			prohibited = id
		}
		c.violation("not", encode(prohibited), "is of prohibited type %s", plain(prohibited))
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

// subschemas returns the schemas that a keyword lists, none for an undefined value.
func (c *check) subschemas(name string, argument nunjucks.Value) []nunjucks.Value {
	if c.instance == nunjucks.Undefined {
		return nil
	}
	list, isList := argument.(*nunjucks.Array)
	if !isList {
		c.fail(fmt.Errorf("schema of %s has %s that is not a list", c.at.property, name))
		return nil
	}
	return list.Items
}

// subschemaLabel returns the name of a subschema in messages: its id, its title, its $ref, or its index.
func subschemaLabel(i int, schema nunjucks.Value, idFormat string) string {
	if id := idOf(schema); id != "" {
		return fmt.Sprintf(idFormat, id)
	}
	if object, isObject := schema.(*nunjucks.Object); isObject {
		if title, isText := member(object, "title").(string); isText && title != "" {
			return quote(title)
		}
		if reference, isText := member(object, "$ref").(string); isText && reference != "" {
			return "<" + reference + ">"
		}
	}
	return fmt.Sprintf("[subschema %d]", i)
}
