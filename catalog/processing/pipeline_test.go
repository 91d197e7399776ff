package processing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
)

// refusing reads nothing, for one reason.
type refusing struct {
	processing.Reader
	reason error
}

func (r refusing) Search(context.Context, string, integration.ReadOptions) (integration.SearchResult, error) {
	return integration.SearchResult{}, r.reason
}

func (r refusing) ReadURL(context.Context, string, integration.ReadOptions) (integration.Result, error) {
	return integration.Result{}, r.reason
}

func TestErrorSaysWhyNothingWasRead(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	hidden := fault.New(fault.NotFound, "Request failed for x, 404 Not Found (GitHub App 7 is not installed for acme)")
	location := strings.ReplaceAll(twoFiles, "targets: [./a.yaml, ./b.yaml]", "target: ./a.yaml")
	for name, test := range map[string]struct {
		document  string
		reason    error
		name, all string
	}{
		"nothing there": {location, nil, "NotFoundError", "Unable to read url, no matching files found for " + s.URL + "/a.yaml"},
		"hidden": {location, hidden, "NotFoundError",
			"Unable to read url, Request failed for x, 404 Not Found (GitHub App 7 is not installed for acme)"},
		"wrapped": {location, fmt.Errorf("read the archive of acme/shop: %w", fault.New(fault.Input, "the tree is too big")), "Error",
			"Unable to read url, read the archive of acme/shop: the tree is too big"},
		"broken": {location, errors.New("connection refused"), "Error", "Unable to read url, connection refused"},
		"a placeholder": {described, hidden, "InputError", "Placeholder $text could not read location ./api.yaml, " +
			"NotFoundError: Request failed for x, 404 Not Found (GitHub App 7 is not installed for acme)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pipelineOf(t, s)
			p.Reader = refusing{p.Reader, test.reason}
			result := p.Process(t.Context(), found(t, s, test.document))
			require.Len(t, result.Errors, 1)
			require.Equal(t, test.name, result.Errors[0].Name)
			require.Contains(t, result.Errors[0].Message, test.all)
		})
	}
	p := pipelineOf(t, s)
	p.Reader = refusing{p.Reader, hidden}
	require.Empty(t, p.Process(t.Context(), found(t, s, strings.Replace(location, "target:", "presence: optional, target:", 1))).Errors)
}

func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"a.yaml": strings.Repeat("text\n---\n", 1000), "b.yaml": strings.Repeat("7\n---\n", 1000)})
	result := pipelineOf(t, s).Process(t.Context(), found(t, s, twoFiles))
	require.Len(t, result.Errors, 101)
	require.Equal(t, "Expected object at root, got string (at url:"+s.URL+"/a.yaml, line 199)", result.Errors[99].Message)
	require.Equal(t, &entity.Error{Name: "InputError", Message: "There are more errors than these 100"}, result.Errors[100])

	p := pipelineOf(t, s)
	p.Reader = refusing{p.Reader, errors.New(strings.Repeat("x", 100_000))}
	for _, failed := range p.Process(t.Context(), found(t, s, described)).Errors {
		require.Len(t, failed.Message, 5000)
	}
}
