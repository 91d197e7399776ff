package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/catalog/sweep"
)

// show has the Temporal Web UI show how far a sweep has come. Search attributes cost an event of the history: the
// state is written when it changes.
func (s *sweeper) show(ctx workflow.Context, progress sweep.Progress) error {
	workflow.SetCurrentDetails(ctx, s.details(progress))
	if !s.command.Searchable {
		return nil
	}
	var updates []temporal.SearchAttributeUpdate
	known := workflow.GetTypedSearchAttributes(ctx)
	if before, _ := known.GetKeyword(attributeState); before != string(progress.State) {
		updates = append(updates, attributeState.ValueSet(string(progress.State)))
	}
	if progress.Failure != nil {
		updates = append(updates, attributeCause.ValueSet(keyword(progress.Failure.Name)))
	}
	if len(updates) == 0 {
		return nil
	}
	return workflow.UpsertTypedSearchAttributes(ctx, updates...)
}

// details are a sweep as Markdown.
func (s *sweeper) details(progress sweep.Progress) string {
	lines := []string{fmt.Sprintf("**%s**: %s", s.command.Source, progress.State)}
	if s.place != "" {
		lines = append(lines, "Source: "+s.place)
	}
	came := fmt.Sprintf("%d pages, %d requests, %d entities", progress.Pages, progress.Requests, progress.Entities)
	if progress.Total > 0 {
		came += fmt.Sprintf(" of %d", progress.Total)
	}
	lines = append(lines, came)
	if changes := progress.Added + progress.Changed + progress.Removed; changes > 0 {
		lines = append(lines, fmt.Sprintf("%d added, %d changed, %d removed", progress.Added, progress.Changed, progress.Removed))
	}
	if progress.Wait > 0 {
		lines = append(lines, fmt.Sprintf("Waits for %s: %s", progress.Wait, progress.WaitReason))
	}
	if progress.Failure != nil {
		lines = append(lines, "**"+progress.Failure.Name+"**: "+progress.Failure.Message)
	}
	if s.command.URL != "" {
		lines = append(lines, "[The source in the portal]("+s.command.URL+")")
	}
	return strings.Join(lines, "\n\n")
}
