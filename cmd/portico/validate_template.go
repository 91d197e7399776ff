package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/check"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
)

// builtinChecker checks templates against the actions of this binary.
func builtinChecker() (*check.Checker, error) {
	renderer := expression.New(expression.Options{})
	actions, err := (&platform{config: &config.Config{}}).buildActions(renderer)
	if err != nil {
		return nil, err
	}
	return newChecker(actions, renderer, plan.Rules{}, config.Form{}), nil
}

// serverChecker checks templates against the actions and filters that a server lists, Portico or Backstage.
func serverChecker(ctx context.Context, server *apiClient) (*check.Checker, error) {
	var listed []struct {
		ID     string `json:"id"`
		Schema struct {
			Input json.RawMessage `json:"input"`
		} `json:"schema"`
	}
	if err := server.call(ctx, http.MethodGet, "/api/scaffolder/v2/actions", nil, &listed); err != nil {
		return nil, fmt.Errorf("list the actions of %s: %w", server.base, err)
	}
	actions := make([]action.Description, len(listed))
	for i, each := range listed {
		actions[i] = action.Description{ID: each.ID, InputSchema: each.Schema.Input}
	}
	renderer, err := serverRenderer(ctx, server)
	if err != nil {
		return nil, err
	}
	return check.New(actions, renderer, plan.Rules{}), nil
}

// serverRenderer has the filters of a server, or those of this binary if the server cannot list its own.
func serverRenderer(ctx context.Context, server *apiClient) (*expression.Renderer, error) {
	type named map[string]json.RawMessage
	var has struct {
		Filters named `json:"filters"`
		Globals struct {
			Functions named `json:"functions"`
			Values    named `json:"values"`
		} `json:"globals"`
	}
	err := server.call(ctx, http.MethodGet, "/api/scaffolder/v2/templating-extensions", nil, &has)
	if refused, is := errors.AsType[*apiError](err); is && refused.status == http.StatusNotFound {
		return expression.New(expression.Options{}), nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the filters of %s: %w", server.base, err)
	}
	globals := slices.AppendSeq(slices.Collect(maps.Keys(has.Globals.Functions)), maps.Keys(has.Globals.Values))
	return expression.Named(slices.Collect(maps.Keys(has.Filters)), globals), nil
}

// checkTemplate checks a template as far as the catalog does not. Other kinds have no problems.
func (d fileDocument) checkTemplate(ctx context.Context, checker *check.Checker) []problem {
	if d.Entity.Kind() != "Template" {
		return nil
	}
	lines := entity.FindLines(d.content, d.Line)
	var problems []problem
	for _, each := range checker.Document(ctx, d.Source) {
		at := lines.Of(each.Field)
		problems = append(problems, problem{Severity: each.Severity, Line: at.Line, Column: at.Column, Message: each.String()})
	}
	return problems
}

// templateLinter checks templates when the catalog processes them.
func templateLinter(checker *check.Checker) processing.Linter {
	return processing.Linter{Version: checker.Version(), Remarks: func(ctx context.Context, kind string, document json.RawMessage) []processing.Remark {
		if kind != "Template" {
			return nil
		}
		var remarks []processing.Remark
		for _, finding := range checker.Document(ctx, document) {
			remarks = append(remarks, processing.Remark{Level: processing.Level(finding.Severity), Message: finding.String()})
		}
		return remarks
	}}
}
