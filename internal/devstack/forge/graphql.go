package forge

import (
	"context"
	_ "embed" // for the schema
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// SchemaText is the part of GitHub's GraphQL schema that the forge answers.
//
//go:embed graphql.graphql
var SchemaText string

// graphQLSchema is parsed once: it is read only afterwards.
var graphQLSchema = sync.OnceValues(func() (*ast.Schema, error) {
	return validator.LoadSchema(validator.Prelude, &ast.Source{Name: "graphql.graphql", Input: SchemaText})
})

// maxQuery bounds the body of a query, in bytes.
const maxQuery = 1 << 20

// queryError is an error in GitHub's form. Kind is GitHub's name: "NOT_FOUND".
type queryError struct {
	Kind    string   `json:"type,omitempty"`
	Path    ast.Path `json:"path,omitempty"`
	Message string   `json:"message"`
}

func (e *queryError) Error() string { return e.Message }

func (f *Forge) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	who, err := f.identify(r)
	switch {
	case err != nil:
		f.writeFailure(w, r, err)
		return
	case who.isAnybody():
		writeError(w, &apiError{status: http.StatusUnauthorized, message: "This endpoint requires you to be authenticated."})
		return
	case who.app != nil:
		writeError(w, errNotForApps)
		return
	case r.Method != http.MethodPost:
		writeError(w, errHidden)
		return
	}
	var asked struct {
		Query     string         `json:"query"`
		Variables map[string]any `json:"variables"`
	}
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuery))
	if err == nil {
		err = json.Unmarshal(content, &asked)
	}
	if err != nil {
		writeError(w, &apiError{status: http.StatusBadRequest, message: "Problems parsing JSON"})
		return
	}
	q := &query{forge: f, exchange: &exchange{r: r, shapes: shapes{base: "http://" + r.Host}, caller: who}}
	data, err := q.run(r.Context(), asked.Query, asked.Variables)
	if err != nil {
		f.writeFailure(w, r, err)
		return
	}
	writeAnswer(w, r, http.StatusOK, answered(data, q.errors))
}

// answered is the body of an answer. A query that was not run has no data.
func answered(data any, failed []*queryError) object {
	body := object{}
	if data != nil {
		body["data"] = data
	}
	if len(failed) > 0 {
		body["errors"] = failed
	}
	return body
}

// query is a query on its way.
type query struct {
	*exchange

	forge     *Forge
	document  *ast.QueryDocument
	variables map[string]any
	errors    []*queryError
}

// node is an object of the schema: the name of its type and what its fields are resolved from.
type node struct {
	kind  string
	value any
}

// resolver is the value of a field: a scalar, a node, a list of these, or nil. A *queryError makes the field null.
type resolver func(ctx context.Context, q *query, of any, arguments map[string]any) (any, error)

// run checks a query against the schema and answers it. Errors of the query are in q.errors.
func (q *query) run(ctx context.Context, text string, variables map[string]any) (any, error) {
	schema, err := graphQLSchema()
	if err != nil {
		return nil, err
	}
	if q.document, err = parser.ParseQuery(&ast.Source{Input: text}); err != nil {
		return q.refuse(err)
	}
	if failed := validator.ValidateWithRules(schema, q.document, rules.NewDefaultRules()); len(failed) > 0 {
		return q.refuse(failed)
	}
	if len(q.document.Operations) != 1 || q.document.Operations[0].Operation == ast.Subscription {
		q.errors = append(q.errors, &queryError{Message: "A query document must have one query or mutation"})
		return nil, nil
	}
	operation := q.document.Operations[0]
	if q.variables, err = validator.VariableValues(schema, operation, variables); err != nil {
		return q.refuse(err)
	}
	root := "Query"
	if operation.Operation == ast.Mutation {
		root = "Mutation"
	}
	return q.object(ctx, node{root, nil}, operation.SelectionSet, nil)
}

// refuse turns the errors of a query that does not fit the schema into the answer's.
func (q *query) refuse(err error) (any, error) {
	var list gqlerror.List
	if !errors.As(err, &list) {
		list = gqlerror.List{gqlerror.Wrap(err)}
	}
	for _, one := range list {
		q.errors = append(q.errors, &queryError{Path: one.Path, Message: one.Message})
	}
	return nil, nil
}

// object is what the selected fields of a node are.
func (q *query) object(ctx context.Context, of node, selected ast.SelectionSet, path ast.Path) (object, error) {
	answer := object{}
	for _, selection := range selected {
		var err error
		switch selection := selection.(type) {
		case *ast.Field:
			if q.isIncluded(selection.Directives) {
				name := selection.Alias
				answer[name], err = q.field(ctx, of, selection, append(slices.Clone(path), ast.PathName(name)))
			}
		case *ast.InlineFragment:
			err = q.fragment(ctx, of, selection.Directives, selection.TypeCondition, selection.SelectionSet, path, answer)
		case *ast.FragmentSpread:
			shared := selection.Definition
			err = q.fragment(ctx, of, selection.Directives, shared.TypeCondition, shared.SelectionSet, path, answer)
		}
		if err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// fragment adds the fields of a fragment to an answer, where the fragment applies to the node.
func (q *query) fragment(
	ctx context.Context, of node, directives ast.DirectiveList, condition string, selected ast.SelectionSet, path ast.Path, answer object,
) error {
	if !q.isIncluded(directives) || !q.is(of, condition) {
		return nil
	}
	part, err := q.object(ctx, of, selected, path)
	answer.with(part)
	return err
}

// is reports whether a node is of a type or implements it.
func (q *query) is(of node, condition string) bool {
	schema, err := graphQLSchema()
	if err != nil || of.kind == condition || condition == "" {
		return err == nil
	}
	return slices.Contains(schema.Types[of.kind].Interfaces, condition)
}

func (q *query) isIncluded(directives ast.DirectiveList) bool {
	for name, expected := range map[string]bool{"include": true, "skip": false} {
		if directive := directives.ForName(name); directive != nil && directive.ArgumentMap(q.variables)["if"] != expected {
			return false
		}
	}
	return true
}

func (q *query) field(ctx context.Context, of node, selected *ast.Field, path ast.Path) (any, error) {
	if selected.Name == "__typename" {
		return of.kind, nil
	}
	resolve, known := fields[of.kind][selected.Name]
	if !known {
		return nil, fmt.Errorf("GraphQL: nothing answers the field %s of %s", selected.Name, of.kind)
	}
	value, err := resolve(ctx, q, of.value, selected.ArgumentMap(q.variables))
	if failed, is := errors.AsType[*queryError](err); is {
		q.errors = append(q.errors, &queryError{Kind: failed.Kind, Path: path, Message: failed.Message})
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return q.complete(ctx, value, selected, path)
}

// complete makes nodes objects.
func (q *query) complete(ctx context.Context, value any, selected *ast.Field, path ast.Path) (any, error) {
	switch value := value.(type) {
	case node:
		return q.object(ctx, value, selected.SelectionSet, path)
	case []node:
		list := make([]any, len(value))
		for i, one := range value {
			completed, err := q.object(ctx, one, selected.SelectionSet, append(slices.Clone(path), ast.PathIndex(i)))
			if err != nil {
				return nil, err
			}
			list[i] = completed
		}
		return list, nil
	default:
		return value, nil
	}
}
