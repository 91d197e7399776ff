package githubapi

import (
	"bytes"
	"compress/gzip"
	_ "embed" // for the schema
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// GraphQLPath is where a GitHub Enterprise host serves the GraphQL API.
const GraphQLPath = "/api/graphql"

// compressedSchema is schema.graphql of npm package @octokit/graphql-schema 15.26.1 (MIT, see LICENSE), without its
// descriptions; command cut says how.
//
//go:embed graphql.gz
var compressedSchema []byte

// enterprise is what GitHub Enterprise Server has and github.com, whose schema is published, has not.
const enterprise = `extend type User { suspendedAt: DateTime }`

var graphQLSchema = sync.OnceValues(func() (*ast.Schema, error) {
	reader, err := gzip.NewReader(bytes.NewReader(compressedSchema))
	if err != nil {
		return nil, fmt.Errorf("GitHub's GraphQL schema: %w", err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("GitHub's GraphQL schema: %w", err)
	}
	schema, err := validator.LoadSchema(validator.Prelude,
		&ast.Source{Name: "github.graphql", Input: string(content)}, &ast.Source{Name: "enterprise.graphql", Input: enterprise})
	if err != nil {
		return nil, fmt.Errorf("GitHub's GraphQL schema: %w", err)
	}
	return schema, nil
})

// CheckQuery says why GitHub would not take a query, nil when it would.
func CheckQuery(text string) error {
	schema, err := graphQLSchema()
	if err != nil {
		return err
	}
	document, err := parser.ParseQuery(&ast.Source{Input: text})
	if err != nil {
		return fmt.Errorf("GraphQL query: %w", err)
	}
	if failed := validator.ValidateWithRules(schema, document, rules.NewDefaultRules()); len(failed) > 0 {
		return fmt.Errorf("GraphQL query: %w", failed)
	}
	return nil
}

// CheckPart lists what a part of GitHub's schema has and GitHub has not, or has otherwise: types, fields, their types,
// arguments and values.
func CheckPart(text string) ([]string, error) {
	whole, err := graphQLSchema()
	if err != nil {
		return nil, err
	}
	part, err := validator.LoadSchema(validator.Prelude, &ast.Source{Name: "part.graphql", Input: text})
	if err != nil {
		return nil, fmt.Errorf("part of GitHub's GraphQL schema: %w", err)
	}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(part.Types)) {
		if known := whole.Types[name]; known == nil || known.Kind != part.Types[name].Kind {
			wrong = append(wrong, name)
		} else {
			wrong = append(wrong, differences(part.Types[name], known)...)
		}
	}
	return wrong, nil
}

func differences(part, whole *ast.Definition) []string {
	var wrong []string
	for _, name := range part.Interfaces {
		if !slices.Contains(whole.Interfaces, name) {
			wrong = append(wrong, part.Name+" implements "+name)
		}
	}
	for _, value := range part.EnumValues {
		if whole.EnumValues.ForName(value.Name) == nil {
			wrong = append(wrong, part.Name+"."+value.Name)
		}
	}
	for _, field := range part.Fields {
		known := whole.Fields.ForName(field.Name)
		if known == nil || known.Type.String() != field.Type.String() {
			wrong = append(wrong, part.Name+"."+field.Name)
			continue
		}
		for _, argument := range field.Arguments {
			expected := known.Arguments.ForName(argument.Name)
			if expected == nil || expected.Type.String() != argument.Type.String() || expected.DefaultValue.String() != argument.DefaultValue.String() {
				wrong = append(wrong, part.Name+"."+field.Name+"("+argument.Name+")")
			}
		}
	}
	return wrong
}

// checkQuery is CheckQuery for the body of a request.
func checkQuery(content []byte) error {
	var asked struct {
		Query string `json:"query"`
	}
	if err := json.Unmarshal(content, &asked); err != nil {
		return fmt.Errorf("GraphQL query: %w", err)
	}
	return CheckQuery(asked.Query)
}
