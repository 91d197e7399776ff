package run_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/scaffolder/run"
)

// fail creates a run of a template and a subject that failed at a step with a message.
func (r record) fail(t *testing.T, template, step, subject, message string) uuid.UUID {
	t.Helper()
	id := r.create(t, func(n *run.New) { n.TemplateRef, n.Subject = template, subject })
	r.write(t, id, run.Entry{End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, FailedStep: step,
		Failure: &fault.Failure{Name: "Error", Message: message}}})
	return id
}

func TestSimilarFailuresHaveOneCause(t *testing.T) {
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
		"a part of a word":    {template, "two", "sit", `The repository acme/… exists since 3 days: "a" (req 1234567890ab)`, true},
		"what has dots":       {template, "two", ".sh(op", `The repository acme/.sh(op exists since 3 days: "a" (req 1234567890ab)`, true},
		"a dot is no pattern": {template, "two", "s.op", `The repository acme/ship exists since 3 days: "a" (req 1234567890ab)`, false},
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

// TestTheSubjectOfARunIsNoPartOfItsCause, unless it is so short that it can be any word.
func TestTheSubjectOfARunIsNoPartOfItsCause(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	for _, message := range []struct{ ofTo, ofShop string }{
		{"", ""},
		{"Failed to reach it", "Failed to reach it"},
		{"The database \"to\" is full", "The database \"shop\" is full"},
	} {
		short := r.fail(t, "template:default/t", "two", "to", message.ofTo)
		long := r.fail(t, "template:default/t", "two", "shop", message.ofShop)
		require.Equal(t, r.get(t, long).Cause, r.get(t, short).Cause)
	}
	one := r.fail(t, "template:default/t", "two", "shop", "The database shop_main is full")
	other := r.fail(t, "template:default/t", "two", "web", "The database web_main is full")
	require.Equal(t, r.get(t, one).Cause, r.get(t, other).Cause)
}

// TestFailuresMayContainNUL: JSON may contain the character NUL, but a text in PostgreSQL may not.
func TestFailuresMayContainNUL(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	failure := fault.Failure{Name: "Bad\x00Error", Message: "a\x00b", Advice: "c\x00d"}
	ended, parked := r.create(t, nil), r.create(t, nil)
	r.write(t, ended, run.Entry{Steps: []run.StepChange{{Position: 0, Status: run.StatusFailed, Failure: &failure}},
		End: &run.Ending{Status: run.StatusFailed, Phase: run.PhaseParked, FailedStep: "one", Failure: &failure}})
	seen, err := r.Version(t.Context(), parked)
	require.NoError(t, err)
	isParked, err := r.Park(t.Context(), seen, failure)
	require.NoError(t, err)
	require.True(t, isParked)
	for _, id := range []uuid.UUID{ended, parked} {
		kept := r.get(t, id)
		require.Equal(t, run.PhaseParked, kept.Phase)
		require.Equal(t, &fault.Failure{Name: "Bad\uFFFDError", Message: "a\uFFFDb", Advice: "c\uFFFDd"}, kept.Failure)
		require.NotEmpty(t, kept.Cause)
	}
	require.Equal(t, "a\x00b", failure.Message, "the caller's value is unchanged")
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
	require.Empty(t, r.get(t, id).Cause, "nor a run that continues")
}

// TestCausesCoverAllRuns: the most frequent cause is first, and each has its newest runs.
func TestCausesCoverAllRuns(t *testing.T) {
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
	beyond, total, err := r.Causes(t.Context(), run.Rules.Everything(), run.CauseQuery{Limit: 1, Offset: 2})
	require.NoError(t, err)
	require.Equal(t, 2, total, "also where there is none left")
	require.Empty(t, beyond)

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
