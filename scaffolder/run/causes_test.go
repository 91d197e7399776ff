package run_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/run"
)

// fail makes a run of a template that makes a subject, and that failed at a step with a message.
func (r record) fail(t *testing.T, template, step, subject, message string) uuid.UUID {
	t.Helper()
	id := r.create(t, func(n *run.New) { n.TemplateRef, n.Subject = template, subject })
	r.write(t, id, run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, FailedStep: step,
		Failure: &fault.Failure{Name: "Error", Message: message}}})
	return id
}

func TestRunsThatFailedAlikeHaveOneCause(t *testing.T) {
	t.Parallel()
	const template = "template:default/t"
	for name, test := range map[string]struct {
		template, step, subject, message string
		alike                            bool
	}{
		"what the run makes":  {template, "two", "web", `The repository acme/web exists since 12 days: "b" (req 0af31bc2-11)`, true},
		"an id":               {template, "two", "shop", `The repository acme/shop exists since 3 days: 'c' (req deadbeef)`, true},
		"another template":    {"template:default/u", "two", "shop", `The repository acme/shop exists since 3 days: "a" (req 1234567890ab)`, false},
		"another step":        {template, "one", "shop", `The repository acme/shop exists since 3 days: "a" (req 1234567890ab)`, false},
		"another message":     {template, "two", "shop", `The forge answered 503`, false},
		"a message of spaces": {template, "two", "", ` `, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecord(t)
			first := r.fail(t, template, "two", "shop", `The repository acme/shop exists since 3 days: "a" (req 1234567890ab)`)
			second := r.fail(t, test.template, test.step, test.subject, test.message)
			cause := r.get(t, first).Cause
			require.NotEmpty(t, cause)
			require.Equal(t, test.alike, cause == r.get(t, second).Cause)
		})
	}
}

func TestOnlyARunThatHasFailedHasACause(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	for _, phase := range []run.Phase{run.PhaseCancelled, run.PhaseRolledBack} {
		id := r.create(t, nil)
		if phase == run.PhaseRolledBack {
			r.write(t, id, run.Entry{Rollback: &run.StepFailure{FailedStep: "two"}})
		}
		r.write(t, id, run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: phase, Failure: &fault.Failure{Message: "stopped"}}})
		require.Empty(t, r.get(t, id).Cause, phase)
	}
	id := r.fail(t, "template:default/t", "two", "shop", "no")
	_, err := r.Reopen(t.Context(), id, run.Reopening{Status: run.StatusProcessing, Phase: run.PhaseRunning})
	require.NoError(t, err)
	require.Empty(t, r.get(t, id).Cause, "nor one that goes on")
}

// TestCausesAreThoseOfAllRuns, the most frequent first, each with its newest runs.
func TestCausesAreThoseOfAllRuns(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	var exists []uuid.UUID
	for range 7 {
		exists = append(exists, r.fail(t, "template:default/t", "two", "shop", "shop exists"))
	}
	once := r.fail(t, "template:default/u", "two", "shop", "no")
	r.create(t, nil)

	causes, total, err := r.Causes(t.Context(), run.Rules.Everything(), run.CauseQuery{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, 2, total)
	require.Equal(t, []int{7, 1}, []int{causes[0].Runs, causes[1].Runs})
	require.Len(t, causes[0].Newest, 5)
	require.Equal(t, exists[6], causes[0].Newest[0].ID)
	require.Equal(t, "shop exists", causes[0].Newest[0].Failure.Message)
	require.Equal(t, "Two", causes[0].Newest[0].FailedStepName())

	second, total, err := r.Causes(t.Context(), run.Rules.Everything(), run.CauseQuery{Limit: 1, Offset: 1})
	require.NoError(t, err)
	require.Equal(t, 2, total)
	require.Equal(t, causes[1:], second)

	for name, query := range map[string]run.CauseQuery{
		"a template": {Templates: []string{"template:default/u"}, Limit: 10},
		"a time":     {Since: r.get(t, once).CreatedAt, Limit: 10},
	} {
		found, _, err := r.Causes(t.Context(), run.Rules.Everything(), query)
		require.NoError(t, err)
		require.Equal(t, causes[1:], found, name)
	}
	none, _, err := r.Causes(t.Context(), run.Rules.Everything(), run.CauseQuery{Creators: []string{"user:default/bob"}, Until: time.Now().Add(time.Hour), Limit: 10})
	require.NoError(t, err)
	require.Empty(t, none)

	runs, total, err := r.List(t.Context(), run.Rules.Everything(), run.Query{Causes: []string{causes[0].ID}})
	require.NoError(t, err)
	require.Equal(t, 7, total, "and the list has all runs of one")
	require.Equal(t, causes[0].ID, runs[0].Cause)
}

func TestRunsAreFoundByTimeAndByTheBeginningOfTheirID(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	ids := []uuid.UUID{uuid.MustParse("6f1c2a3e-0000-4000-8000-000000000001"), uuid.MustParse("6f1c2a3e-ffff-4000-8000-000000000002"),
		uuid.MustParse("6f1c2a3f-0000-4000-8000-000000000003")}
	for _, id := range ids {
		r.create(t, func(n *run.New) { n.ID = id })
	}
	second := r.get(t, ids[1]).CreatedAt
	for name, test := range map[string]struct {
		query run.Query
		want  []uuid.UUID
	}{
		"eight letters": {run.Query{IDPrefix: "6f1c2a3e"}, []uuid.UUID{ids[1], ids[0]}},
		"in capitals":   {run.Query{IDPrefix: "6F1C2A3E-F"}, []uuid.UUID{ids[1]}},
		"a whole id":    {run.Query{IDPrefix: ids[2].String()}, []uuid.UUID{ids[2]}},
		"no id":         {run.Query{IDPrefix: "shop"}, []uuid.UUID{}},
		"too long":      {run.Query{IDPrefix: ids[2].String() + "0"}, []uuid.UUID{}},
		"since":         {run.Query{Since: second}, []uuid.UUID{ids[2], ids[1]}},
		"until":         {run.Query{Until: second}, []uuid.UUID{ids[0]}},
	} {
		runs, total, err := r.List(t.Context(), run.Rules.Everything(), test.query)
		require.NoError(t, err, name)
		found := []uuid.UUID{}
		for _, each := range runs {
			found = append(found, each.ID)
		}
		require.Equal(t, test.want, found, name)
		require.Equal(t, len(test.want), total, name)
	}
}
