package gitlabtest

import (
	_ "embed" // for the schema
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

//go:embed graphql.graphql
var schemaText string

// graphQLSchema is parsed once: it is read only afterwards.
var graphQLSchema = sync.OnceValue(func() *ast.Schema {
	loaded, err := validator.LoadSchema(validator.Prelude, &ast.Source{Name: "graphql.graphql", Input: schemaText})
	if err != nil {
		panic(err)
	}
	return loaded
})

// maxComplexity is GitLab's bound for the complexity of a query.
const maxComplexity = 250

// node is an object of the schema: the values of its fields, by name. A function is called with the arguments.
type node map[string]any

type resolver func(arguments map[string]any) any

// graphQL answers a query of the caller.
func (c *call) graphQL() {
	var asked struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
	content, err := io.ReadAll(c.Body)
	if err == nil {
		err = json.Unmarshal(content, &asked)
	}
	if err != nil {
		c.refuse(http.StatusBadRequest, "400 Bad request")
		return
	}
	data, err := c.run(asked.Query, asked.Variables)
	body := map[string]any{"data": data}
	if err != nil {
		body = map[string]any{"errors": []any{map[string]string{"message": err.Error()}}}
	}
	c.answer(http.StatusOK, body)
}

// run checks a query against the schema, which is an error of the test, and answers it.
func (c *call) run(text string, variables map[string]any) (any, error) {
	document, err := parser.ParseQuery(&ast.Source{Input: text})
	if err == nil {
		if failed := validator.ValidateWithRules(graphQLSchema(), document, rules.NewDefaultRules()); len(failed) > 0 {
			err = failed
		}
	}
	if err == nil {
		variables, err = validator.VariableValues(graphQLSchema(), document.Operations[0], variables)
	}
	if err != nil {
		c.s.t.Errorf("GitLab would not take the query: %v", err)
		return nil, err
	}
	if cost := complexity(document.Operations[0].SelectionSet, variables); cost > maxComplexity {
		return nil, gqlerror.Errorf("Query has complexity of %d, which exceeds max complexity of %d", cost, maxComplexity)
	}
	return selected(c.root(), document.Operations[0].SelectionSet, variables), nil
}

// complexity is about what GitLab counts: one for each field, and twice as much for a page of a hundred.
func complexity(set ast.SelectionSet, variables map[string]any) int {
	sum := 0
	for _, selection := range set {
		field, is := selection.(*ast.Field)
		if !is {
			continue
		}
		cost := 1 + complexity(field.SelectionSet, variables)
		if field.Definition != nil && field.Definition.Arguments.ForName("first") != nil {
			cost += cost * firstOf(field.ArgumentMap(variables)) / 100
		}
		sum += cost
	}
	return sum
}

func firstOf(arguments map[string]any) int {
	switch first := arguments["first"].(type) {
	case int64:
		return min(int(first), 100)
	case json.Number:
		number, err := first.Int64()
		if err == nil {
			return min(int(number), 100)
		}
	case float64:
		return min(int(first), 100)
	case int:
		return min(first, 100)
	}
	return 100
}

// selected is what the selected fields of a value are.
func selected(of any, set ast.SelectionSet, variables map[string]any) any {
	switch of := of.(type) {
	case node:
		if of == nil {
			return nil
		}
		answer := map[string]any{}
		for _, selection := range set {
			field, is := selection.(*ast.Field)
			if !is || !isIncluded(field, variables) {
				continue
			}
			value := of[field.Name]
			if resolve, is := value.(resolver); is {
				value = resolve(field.ArgumentMap(variables))
			}
			answer[field.Alias] = selected(value, field.SelectionSet, variables)
		}
		return answer
	case []node:
		list := make([]any, len(of))
		for i, one := range of {
			list[i] = selected(one, set, variables)
		}
		return list
	default:
		return of
	}
}

func isIncluded(field *ast.Field, variables map[string]any) bool {
	include := field.Directives.ForName("include")
	return include == nil || include.ArgumentMap(variables)["if"] == true
}

// row is a row of a connection. Rows are in the order of their keys, and cursors are keys, as GitLab's keyset pages are.
type row struct {
	key  string
	node func() node
}

// byNumber is a key that puts high numbers first, as GitLab does without another order.
func byNumber(number int64) string { return fmt.Sprintf("%020d", int64(1)<<60-number) }

// connection is a page of rows.
func connection(rows []row, arguments map[string]any) node {
	slices.SortFunc(rows, func(a, b row) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		default:
			return 0
		}
	})
	after, _ := arguments["after"].(string)
	decoded, _ := base64.StdEncoding.DecodeString(after) // The text of another one is no key, behind which nothing is.
	start := 0
	if after != "" {
		start, _ = slices.BinarySearchFunc(rows, string(decoded), func(one row, key string) int {
			if one.key <= key {
				return -1
			}
			return 1
		})
	}
	end := min(start+firstOf(arguments), len(rows))
	var edges, nodes []node
	for _, one := range rows[start:end] {
		made := one.node()
		nodes = append(nodes, made)
		edges = append(edges, node{"cursor": cursorOf(one), "node": made})
	}
	page := node{"hasNextPage": end < len(rows), "hasPreviousPage": start > 0}
	if end > start {
		page["startCursor"], page["endCursor"] = cursorOf(rows[start]), cursorOf(rows[end-1])
	}
	return node{"count": len(rows), "edges": append([]node{}, edges...), "nodes": append([]node{}, nodes...), "pageInfo": page}
}

func cursorOf(one row) string { return base64.StdEncoding.EncodeToString([]byte(one.key)) }

func gid(kind string, number int64) string {
	return "gid://gitlab/" + kind + "/" + strconv.FormatInt(number, 10)
}

func textOf(arguments map[string]any, name string) string {
	text, _ := arguments[name].(string)
	return text
}
