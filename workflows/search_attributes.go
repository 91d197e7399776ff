package workflows

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/engine"
)

// What runs are found by in the Temporal Web UI. Those of the second line change while a run is under way.
var (
	attributeTemplate  = temporal.NewSearchAttributeKeyKeyword("PorticoTemplate")
	attributeSubject   = temporal.NewSearchAttributeKeyKeyword("PorticoSubject")
	attributeStartedBy = temporal.NewSearchAttributeKeyKeyword("PorticoStartedBy")

	attributeState = temporal.NewSearchAttributeKeyKeyword("PorticoState")
	attributeStep  = temporal.NewSearchAttributeKeyKeyword("PorticoStep")
	attributeCause = temporal.NewSearchAttributeKeyKeyword("PorticoCause")
)

// SearchAttributes are the search attributes that a namespace needs, by name.
func SearchAttributes() map[string]enums.IndexedValueType {
	attributes := map[string]enums.IndexedValueType{}
	for _, key := range []temporal.SearchAttributeKeyKeyword{
		attributeTemplate, attributeSubject, attributeStartedBy, attributeState, attributeStep, attributeCause,
	} {
		attributes[key.GetName()] = key.GetValueType()
	}
	return attributes
}

// MissingSearchAttributes are the names of those that a namespace does not have, in alphabetical order. One
// of another type is an error: with it, no task of a workflow that writes it would succeed.
func MissingSearchAttributes(ctx context.Context, connected client.Client, namespace string) ([]string, error) {
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	known, err := connected.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("list the search attributes of namespace %q: %w", namespace, err)
	}
	needed := SearchAttributes()
	var missing, others []string
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		kind, is := known.GetCustomAttributes()[name]
		if !is {
			missing = append(missing, name)
		} else if kind != needed[name] {
			others = append(others, fmt.Sprintf("%s is %s, not %s", name, kind, needed[name]))
		}
	}
	if len(others) > 0 {
		return nil, fmt.Errorf("search attributes of namespace %q have types that Portico cannot use: %s; an operator removes them, and "+
			"`portico migrate` adds them as they have to be", namespace, strings.Join(others, ", "))
	}
	return missing, nil
}

// AddSearchAttributes adds those that a namespace does not have. The error of a cluster that refuses says how
// an operator adds them.
func AddSearchAttributes(ctx context.Context, connected client.Client, namespace string) error {
	missing, err := MissingSearchAttributes(ctx, connected, namespace)
	if err != nil || len(missing) == 0 {
		return err
	}
	adding := &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: map[string]enums.IndexedValueType{}}
	for _, name := range missing {
		adding.SearchAttributes[name] = SearchAttributes()[name]
	}
	ctx, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	if _, err := connected.OperatorService().AddSearchAttributes(ctx, adding); err != nil {
		return fmt.Errorf("add search attributes to namespace %q: %w; an operator adds them with `temporal operator search-attribute create "+
			"--namespace %s --type Keyword --name %s`", namespace, err, namespace, strings.Join(missing, " --name "))
	}
	return nil
}

// maxKeyword is how many bytes of a text are indexed. Temporal's visibility store takes 255 characters.
const maxKeyword = 255

// keyword cuts a text to what can be indexed.
func keyword(text string) string {
	if len(text) <= maxKeyword {
		return text
	}
	cut := maxKeyword
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

// labelAttributes are the attributes that a run has from its start on. What is empty is left out.
func labelAttributes(labels engine.Labels) temporal.SearchAttributes {
	var updates []temporal.SearchAttributeUpdate
	for key, value := range map[temporal.SearchAttributeKeyKeyword]string{
		attributeTemplate: labels.Template, attributeSubject: labels.Subject, attributeStartedBy: labels.StartedBy,
	} {
		if value != "" {
			updates = append(updates, key.ValueSet(keyword(value)))
		}
	}
	return temporal.NewSearchAttributes(updates...)
}

// progressAttribute is an attribute that follows a run's progress.
type progressAttribute struct {
	key   temporal.SearchAttributeKeyKeyword
	value func(engine.Progress) string
}

var progressAttributes = []progressAttribute{
	{attributeState, func(p engine.Progress) string { return p.State }},
	{attributeStep, func(p engine.Progress) string { return p.Step }},
	{attributeCause, func(p engine.Progress) string { return cmp.Or(p.Failure, &fault.Failure{}).Name }},
}

// showProgress has the Temporal Web UI show how far a run has come. Details are kept by the workers and cost
// nothing. Search attributes cost an event of the history, so only those that change are written, and none
// for a run that is done with its first turn.
func showProgress(ctx workflow.Context, command engine.Command, progress engine.Progress) error {
	workflow.SetCurrentDetails(ctx, details(progress, command.URL))
	if !command.Searchable {
		return nil
	}
	known := workflow.GetTypedSearchAttributes(ctx)
	if _, shown := known.GetKeyword(attributeState); !shown && progress.State == engine.StateDone {
		return nil
	}
	var updates []temporal.SearchAttributeUpdate
	for _, attribute := range progressAttributes {
		before, _ := known.GetKeyword(attribute.key)
		switch now := keyword(attribute.value(progress)); {
		case now == before:
		case now == "":
			updates = append(updates, attribute.key.ValueUnset())
		default:
			updates = append(updates, attribute.key.ValueSet(now))
		}
	}
	if len(updates) == 0 {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// details are the steps of a run, why it failed, and where to look at it, as Markdown.
func details(progress engine.Progress, url string) string {
	parts := []string{strings.TrimSpace(progress.Details)}
	if failure := progress.Failure; failure != nil {
		parts = append(parts, "**"+failure.Name+"**: "+failure.Message)
	}
	if url != "" {
		parts = append(parts, "[The run in the portal]("+url+")")
	}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "\n\n")
}
