package main

import (
	"context"
	"encoding/json"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/processing"
	"github.com/portico-dev/portico/config"
	"github.com/portico-dev/portico/scaffolder/check"
	"github.com/portico-dev/portico/scaffolder/expression"
	"github.com/portico-dev/portico/scaffolder/plan"
)

// builtinChecker judges templates by the actions that this binary is built with.
func builtinChecker() (*check.Checker, error) {
	renderer := expression.New(expression.Options{})
	actions, err := (&platform{config: &config.Config{}}).buildActions(renderer)
	if err != nil {
		return nil, err
	}
	return newChecker(actions, renderer, plan.Rules{}), nil
}

// judgeTemplate says what of a template no run gets past, and what should be known of the rest. What is no template has
// nothing of either.
func judgeTemplate(ctx context.Context, document entity.Document) (warnings []string, err error) {
	if document.Entity.Kind() != "Template" {
		return nil, nil
	}
	checker, err := builtinChecker()
	if err != nil {
		return nil, err
	}
	findings := checker.Document(ctx, document.Source)
	for _, finding := range findings {
		if finding.Severity == check.Warning {
			warnings = append(warnings, finding.String())
		}
	}
	return warnings, check.Errors(findings)
}

// judged is what was found about a document that the catalog takes, with what a run of it would find.
func judged(ctx context.Context, found finding, document entity.Document) finding {
	warnings, err := judgeTemplate(ctx, document)
	found.Warnings = warnings
	if err != nil {
		found.Valid, found.Error = false, err.Error()
	}
	return found
}

// templateJudge has the catalog say what a run of a template would find.
func templateJudge(checker *check.Checker) processing.Judge {
	return processing.Judge{Version: checker.Version(), Remarks: func(ctx context.Context, kind string, document json.RawMessage) []processing.Remark {
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
