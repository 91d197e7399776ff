package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	clusters "github.com/portico-dev/portico/integration/kubernetes"
	"github.com/portico-dev/portico/scaffolder/action"
)

// maxDiffLines bounds what a plan says about one object.
const maxDiffLines = 40

// Plan has the server apply the objects without keeping them, and says what would be different.
func (a *apply) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	doing, _, items, err := a.prepare(ctx, call)
	if err != nil {
		return action.Plan{}, err
	}
	plan := action.Plan{}
	lines := []string{fmt.Sprintf("apply %d objects to the cluster %s", len(items), doing.client.Cluster.Name)}
	for _, stage := range stages(items) {
		for _, each := range stage {
			effect, said, err := doing.plan(ctx, each, items)
			if err != nil {
				return action.Plan{}, err
			}
			plan.Creates, lines = append(plan.Creates, effect), append(lines, said...)
		}
	}
	plan.Summary = strings.Join(lines, "\n")
	return plan, nil
}

// plan says what would become of one object.
func (a *application) plan(ctx context.Context, each item, all []item) (action.PlannedEffect, []string, error) {
	kept := newRecord(a.place, each)
	live, err := kept.get(ctx, a.client)
	if err != nil {
		return action.PlannedEffect{}, nil, err
	}
	effect := action.PlannedEffect{Kind: objectKind, Name: each.title()}
	if live != nil {
		effect.Kind = changeKind
		if a.isForeign(live) {
			return effect, nil, foreignNamespace(live, a.client.Cluster.Name)
		}
	}
	if live == nil && (each.defined || isInNew(each, all)) {
		return effect, []string{fmt.Sprintf("+ %s (not checked by the server: this step creates what it needs)", each.title())}, nil
	}
	planned, _, err := a.apply(ctx, each, action.Effect{}, clusters.ApplyOptions{Force: a.force, DryRun: true})
	if err != nil {
		return effect, nil, err
	}
	if live == nil {
		return effect, []string{"+ " + each.title()}, nil
	}
	said := []string{"~ " + each.title()}
	for _, line := range diff(live, planned) {
		said = append(said, "    "+line)
	}
	return effect, said, nil
}

// isInNew says that the object's namespace is one of the objects.
func isInNew(each item, all []item) bool {
	return slices.ContainsFunc(all, func(other item) bool {
		return other.object.GetKind() == "Namespace" && other.object.GetName() == each.object.GetNamespace()
	})
}

// diff lists the fields that differ, with their values. Those of secrets are left out, and so is what the server or the
// run notes about an object.
func diff(before, after *unstructured.Unstructured) []string {
	d := differing{isSecret: after.GetKind() == "Secret"}
	d.compare("", withoutNotes(before), withoutNotes(after))
	if len(d.lines) > maxDiffLines {
		more := len(d.lines) - maxDiffLines
		d.lines = append(d.lines[:maxDiffLines], fmt.Sprintf("and %d more", more))
	}
	return d.lines
}

func withoutNotes(object *unstructured.Unstructured) map[string]any {
	content := object.DeepCopy().Object
	delete(content, "status")
	for _, name := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
		unstructured.RemoveNestedField(content, "metadata", name)
	}
	for _, name := range []string{runLabel, stepLabel} {
		unstructured.RemoveNestedField(content, "metadata", "labels", name)
	}
	unstructured.RemoveNestedField(content, "metadata", "annotations", effectAnnotation)
	for _, name := range []string{"labels", "annotations"} {
		if left, has, _ := unstructured.NestedMap(content, "metadata", name); has && len(left) == 0 {
			unstructured.RemoveNestedField(content, "metadata", name)
		}
	}
	return content
}

// differing collects the differences of two objects.
type differing struct {
	isSecret bool
	lines    []string
}

func (d *differing) compare(path string, before, after any) {
	was, wasObject := before.(map[string]any)
	is, isObject := after.(map[string]any)
	if wasObject && isObject {
		names := map[string]bool{}
		for name := range was {
			names[name] = true
		}
		for name := range is {
			names[name] = true
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			d.compare(path+"."+name, was[name], is[name])
		}
		return
	}
	if old, fresh := encode(before), encode(after); old != fresh {
		if d.isSecret && (strings.HasPrefix(path, ".data") || strings.HasPrefix(path, ".stringData")) {
			d.lines = append(d.lines, path+": another value")
			return
		}
		d.lines = append(d.lines, fmt.Sprintf("%s: %s -> %s", path, brief(old), brief(fresh)))
	}
}

func encode(value any) string {
	if value == nil {
		return "nothing"
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(encoded)
}

// brief cuts a long value.
func brief(text string) string {
	const most = 120
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
