package actiontest

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/template"
)

// Fixture is an action, connected to servers that are as real as possible, and the functions with which the
// suite observes and changes these servers.
type Fixture struct {
	Action action.Action
	// Input is a valid input, which is JSON. WORKSPACE in it is the path of the workspace.
	Input string
	// Files are in the workspace before the action runs, by path.
	Files    map[string]string
	Template action.TemplateInfo
	User     template.User
	Secrets  map[string]string
	// State lists what exists of the kind that the action creates, without ids and times: two runs of the
	// action give the same. Nil says that the action has no effects.
	State func(t testing.TB) []string
	// Digest changes with each change on the servers. It is needed where there is a State.
	Digest func(t testing.TB) string
	// Use lets somebody else use what the action has created. Nil says that use cannot be seen.
	Use func(t testing.TB)
	// Take lets somebody else create what the action is about to create. Nil says that two such things can
	// exist.
	Take func(t testing.TB)
	// Restore brings back what the action has deleted. It is for an action whose effects nobody can undo: a rollback keeps
	// them, and says so by an action.InUseError. Nil says that a rollback removes what the action has created.
	Restore func(t testing.TB)
	// Hide makes the servers hide what exists, as from a token that lost access, until show is called. Nil
	// says that they hide nothing.
	Hide func(t testing.TB) (show func())
	// NoUndo says why a rollback has nothing to do, of an action that calls others and has no effects.
	NoUndo string
}

// NewFixture creates a fixture for one test. Each call of the action to a server or a database must pass the
// gate: a handler is wrapped by Gate.Serve or Gate.Handler, a pool of connections has the gate as its tracer.
type NewFixture func(t testing.TB, gate *Gate) Fixture

// Conform tests an action against the contract of package action, in new fixtures. It plans the action,
// runs it and runs it again; crashes its process at each point of the Gate and lets another attempt, or a
// rollback, finish; undoes it twice, also after others have used what it created and while that is hidden.
// After each of these it checks the servers. What it has shown is compared with a committed file: see Main.
func Conform(t *testing.T, newFixture NewFixture) {
	t.Helper()
	made := &proof{}
	t.Cleanup(func() {
		if !t.Failed() {
			proven.add(t.Name(), made)
		}
	})
	for _, property := range properties {
		t.Run(property.name, func(t *testing.T) {
			t.Parallel()
			s := newSubject(t, newFixture)
			applies := property.applies == nil || s.State != nil && property.applies(s.Fixture)
			if applies {
				property.require(t, s)
			}
			made.hold(s, property.shows, applies)
			if !applies {
				t.Skip("this action has no such effect")
			}
		})
	}
}

// properties are the tests of the suite. They take a testing.TB so that the suite's own tests can check that
// they fail.
var properties = []struct {
	name    string
	require func(t testing.TB, s *subject)
	// applies reports whether an action with effects can have the property; nil is for all actions.
	applies func(Fixture) bool
	// shows notes what a test of the property has shown, if the file has something of it.
	shows func(*Proof, *subject)
}{
	{"is described", requireDescribed, nil, nil},
	{"plans what it does, and writes nothing", requirePlan, nil, nil},
	{"has the same outcome when run again", requireRerun, nil, nil},
	{"completes after a crash at any point", requireCompletion, nil, func(p *Proof, s *subject) { p.Crashes = s.crashes }},
	{"completes after crashes at random passages", requireRandomCrashes, nil, nil},
	{"can be rolled back after a crash at any point", requireRollback, func(Fixture) bool { return true }, func(p *Proof, s *subject) { p.RolledBack = s.crashes }},
	{"can be undone twice, and after a crash of the undo", requireUndo, nil, func(p *Proof, s *subject) { p.UndoCrashes = s.crashes }},
	{"keeps what others have used", requireUsedIsKept, func(f Fixture) bool { return f.Use != nil }, func(p *Proof, _ *subject) { p.Used = true }},
	{"keeps what others have created", requireTakenIsKept, func(f Fixture) bool { return f.Take != nil }, func(p *Proof, _ *subject) { p.Taken = true }},
	{"does not mistake hidden for gone", requireHiddenIsOpen, func(f Fixture) bool { return f.Hide != nil }, func(p *Proof, _ *subject) { p.Hidden = true }},
}

// subject is a fixture, and a run of its action.
type subject struct {
	Fixture
	gate    *Gate
	harness *Harness
	// before is the state of the servers before the action runs, and began is when its step begins.
	before []string
	began  time.Time
	// crashes is how often a process crashed.
	crashes int
}

// newSubject creates a fixture.
func newSubject(t testing.TB, newFixture NewFixture) *subject {
	t.Helper()
	gate := &Gate{}
	s := &subject{Fixture: newFixture(t, gate), gate: gate, began: time.Now()}
	s.harness = NewHarness(t)
	s.harness.Ledger.Gate = gate
	s.harness.User, s.harness.Secrets = s.User, s.Secrets
	if s.Template.EntityRef != "" {
		s.harness.Template = s.Template
	}
	s.before = s.state(t)
	return s
}

func (s *subject) state(t testing.TB) []string {
	t.Helper()
	if s.State == nil {
		return nil
	}
	return s.State(t)
}

// outcome is the visible result of a run: its output, the servers, the workspace and the log.
type outcome struct {
	Output action.Output
	State  []string
	Files  map[string]string
	Log    []string
}

// attempt is what became of one attempt to run the action. It has an outcome only if it succeeded.
type attempt struct {
	outcome

	// passed is how many points and passages of the gate there were.
	passed  place
	crashed bool
	err     error
}

// attempt runs the action in a process that crashes at a place, or at none. As in the engine, each attempt
// starts with the workspace that the previous step left.
func (s *subject) attempt(t testing.TB, crashAt place) attempt {
	t.Helper()
	s.harness.Workspace, s.harness.Log = newWorkspace(t, s.Files), &Log{}
	directory := s.harness.Workspace.Name()
	output, err := s.await(s.gate.begin(t.Context(), crashAt), t, strings.ReplaceAll(s.Input, "WORKSPACE", directory))
	made := attempt{err: err}
	made.passed, made.crashed = s.gate.end()
	s.count(made.crashed)
	if err != nil || made.crashed {
		return made
	}
	made.outcome = outcome{Output: withoutPath(t, output, directory), State: s.state(t), Files: filesOf(t, s.harness.Workspace)}
	for _, line := range s.harness.Log.Lines() {
		made.Log = append(made.Log, strings.ReplaceAll(line, directory, "WORKSPACE"))
	}
	return made
}

// await runs the action, and again after each pause for which it asks. An attempt is all of that: the process may crash
// during any of the looks.
func (s *subject) await(ctx context.Context, t testing.TB, input string) (action.Output, error) {
	t.Helper()
	for {
		call := s.harness.Call(input)
		call.StartedAt = s.began
		output, err := s.harness.run(ctx, t, s.Action, call)
		notYet, is := errors.AsType[*action.NotYetError](err)
		if !is || !pause(ctx, notYet.After) {
			return output, err
		}
	}
}

// run is an attempt without a crash that must succeed.
func (s *subject) run(t testing.TB) outcome {
	t.Helper()
	done := s.attempt(t, place{})
	require.NoError(t, done.err)
	return done.outcome
}

// undo rolls the run back in a process that crashes at a place, or at none.
func (s *subject) undo(t testing.TB, crashAt place) (crashed bool, err error) {
	t.Helper()
	err = s.harness.RollBack(s.gate.begin(t.Context(), crashAt), s.Action)
	_, crashed = s.gate.end()
	s.count(crashed)
	return crashed, err
}

func (s *subject) count(crashed bool) {
	if crashed {
		s.crashes++
	}
}

// requireUndone rolls back, and requires that the servers are as they were before. What nobody can undo is restored, and
// the next attempt is that of another run.
func (s *subject) requireUndone(t testing.TB) {
	t.Helper()
	if s.Restore == nil {
		_, err := s.undo(t, place{})
		require.NoError(t, err)
		require.Equal(t, s.before, s.state(t), "nothing is left")
		return
	}
	s.requireKept(t)
	s.Restore(t)
	require.Equal(t, s.before, s.state(t))
	s.harness.Ledger = &Ledger{Gate: s.gate}
}

// requireKept rolls back, and requires that this changes nothing and says so, if anything was done.
func (s *subject) requireKept(t testing.TB) {
	t.Helper()
	done, digest := s.state(t), s.Digest(t)
	_, err := s.undo(t, place{})
	if slices.Equal(done, s.before) {
		require.NoError(t, err, "nothing was done")
	} else {
		requireInUse(t, err)
	}
	require.Equal(t, digest, s.Digest(t), "nothing is undone")
}

// requireInUse requires that an error says that a thing was kept, and why.
func requireInUse(t testing.TB, err error) {
	t.Helper()
	var inUse *action.InUseError
	require.ErrorAs(t, err, &inUse)
	require.NotEmpty(t, inUse.Reason)
}

// requireConfirmed checks that the ledger knows each effect as created, and returns them.
func (s *subject) requireConfirmed(t testing.TB) []action.Effect {
	t.Helper()
	effects := s.harness.Ledger.All()
	for _, effect := range effects {
		require.Equal(t, action.EffectCreated, effect.State, "the effect %s %s", effect.Kind, effect.Name)
	}
	return effects
}

func requireDescribed(t testing.TB, s *subject) {
	t.Helper()
	description := s.Action.Describe()
	requireDescription(t, description)
	require.Equal(t, s.State != nil, description.Undoes != "", "an action with effects says what a rollback does with them")
}

func requirePlan(t testing.TB, s *subject) {
	t.Helper()
	digest := func() string { return "" }
	if s.Digest != nil {
		digest = func() string { return s.Digest(t) }
	}
	before := digest()
	s.harness.Workspace = newWorkspace(t, s.Files)
	plan, err := s.Action.Plan(t.Context(), s.harness.Call(strings.ReplaceAll(s.Input, "WORKSPACE", s.harness.Workspace.Name())))
	require.NoError(t, err)
	require.Equal(t, before, digest(), "planning changes nothing outside")
	require.Empty(t, s.harness.Ledger.All(), "planning records nothing")
	require.Equal(t, filesOf(t, newWorkspace(t, s.Files)), filesOf(t, s.harness.Workspace), "planning changes no file")

	s.run(t)
	var created []action.PlannedEffect
	for _, effect := range s.requireConfirmed(t) {
		created = append(created, action.PlannedEffect{Kind: effect.Kind, Name: effect.Name})
	}
	require.Equal(t, created, plan.Creates, "what was planned was created")
	require.Equal(t, s.State != nil, len(created) > 0, "an action with effects records them")
	if s.State != nil {
		require.NotEmpty(t, plan.Summary)
		require.NotEqual(t, before, digest(), "the digest sees what was created")
	}
}

func requireRerun(t testing.TB, s *subject) {
	t.Helper()
	first := s.run(t)
	effects := s.requireConfirmed(t)
	second := s.run(t)
	require.Equal(t, first.Output, second.Output)
	require.Equal(t, first.State, second.State)
	require.Equal(t, first.Files, second.Files)
	require.Equal(t, effects, s.requireConfirmed(t))
	if s.State == nil {
		require.Equal(t, first.Log, second.Log)
	}
}

// eachCrash crashes an attempt at each of its points in turn, and calls after each time.
func (s *subject) eachCrash(t testing.TB, after func(point int)) {
	t.Helper()
	for point := 1; ; point++ {
		made := s.attempt(t, place{point: point})
		if !made.crashed {
			require.NoError(t, made.err)
			require.Equal(t, point-1, made.passed.point)
			require.True(t, s.State == nil || made.passed.point > 0, "an action with effects passes the gate")
			return
		}
		after(point)
	}
}

func requireCompletion(t testing.TB, s *subject) {
	t.Helper()
	straight := s.run(t)
	created := len(s.harness.Ledger.All())
	s.requireUndone(t)
	s.eachCrash(t, func(point int) {
		done := s.run(t)
		require.Equal(t, straight.State, done.State, "after a crash at point %d", point)
		require.Equal(t, straight.Files, done.Files, "after a crash at point %d", point)
		require.Len(t, s.requireConfirmed(t), created, "after a crash at point %d", point)
		s.requireUndone(t)
	})
}

func requireRandomCrashes(t testing.TB, s *subject) {
	t.Helper()
	straight := s.run(t)
	effects := len(s.harness.Ledger.All())
	s.requireUndone(t)
	passages := s.attempt(t, place{}).passed.passage
	s.requireUndone(t)
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // The same passages in each run of the test.
		for {
			// A passage beyond the last one lets the attempt complete.
			made := s.attempt(t, place{passage: 1 + random.IntN(passages*3/2+1)})
			if made.crashed {
				continue
			}
			require.NoError(t, made.err)
			require.Equal(t, straight.State, made.State)
			require.Len(t, s.requireConfirmed(t), effects)
			break
		}
		s.requireUndone(t)
	}
}

func requireRollback(t testing.TB, s *subject) {
	t.Helper()
	s.eachCrash(t, func(int) { s.requireUndone(t) })
}

func requireUndo(t testing.TB, s *subject) {
	t.Helper()
	first := s.attempt(t, place{})
	require.NoError(t, first.err)
	if s.State == nil {
		require.True(t, first.passed.point <= 1 || s.NoUndo != "", "an action that may change something outside, and has no effects, says why: Fixture.NoUndo")
		require.Empty(t, s.harness.Ledger.All(), "an action without a state creates nothing")
		require.False(t, action.IsTransient(s.harness.Undo(t.Context(), s.Action, action.Effect{Kind: "thing", Name: "x"})))
		return
	}
	for point := 1; ; point++ {
		made := s.requireConfirmed(t)
		crashed, err := s.undo(t, place{point: point})
		if !crashed {
			s.requireOutcome(t, err)
		}
		s.requireUndone(t)
		for _, effect := range made {
			s.requireOutcome(t, s.harness.Undo(t.Context(), s.Action, effect))
		}
		require.Equal(t, s.before, s.state(t))
		if !crashed {
			return
		}
		s.run(t)
	}
}

// requireOutcome requires what Undo says of an effect, however often it is called: what is gone is done, and what
// nobody can undo is kept.
func (s *subject) requireOutcome(t testing.TB, err error) {
	t.Helper()
	if s.Restore == nil {
		require.NoError(t, err, "what is gone is done")
		return
	}
	requireInUse(t, err)
}

func requireUsedIsKept(t testing.TB, s *subject) {
	t.Helper()
	s.run(t)
	s.Use(t)
	used, digest := s.state(t), s.Digest(t)
	for range 2 {
		_, err := s.undo(t, place{})
		requireInUse(t, err)
	}
	require.Equal(t, used, s.state(t))
	require.Equal(t, digest, s.Digest(t), "nothing of it was touched")
}

func requireTakenIsKept(t testing.TB, s *subject) {
	t.Helper()
	s.Take(t)
	taken, digest := s.state(t), s.Digest(t)
	for range 2 {
		err := s.attempt(t, place{}).err
		require.Error(t, err)
		require.False(t, action.IsTransient(err), "%v", err)
		require.Equal(t, action.EffectUndone, s.harness.Ledger.All()[0].State, "the run created nothing")
	}
	s.harness.Workspace = newWorkspace(t, s.Files)
	_, err := s.undo(t, place{})
	require.NoError(t, err)
	require.Equal(t, taken, s.state(t))
	require.Equal(t, digest, s.Digest(t), "nothing of it was touched")
}

func requireHiddenIsOpen(t testing.TB, s *subject) {
	t.Helper()
	s.run(t)
	made := s.state(t)
	show := s.Hide(t)
	_, err := s.undo(t, place{})
	require.Error(t, err, "what cannot be seen may be there")
	require.NotEmpty(t, action.Advice(err))
	require.Error(t, s.attempt(t, place{}).err, "and is not created anew")
	s.requireConfirmed(t)
	show()
	require.Equal(t, made, s.state(t))
	s.requireUndone(t)
}

// filesOf is what is in a workspace: the content of files, "->target" for links, "" for directories, whose
// names end in a slash.
func filesOf(t testing.TB, root *os.Root) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case entry.IsDir():
			found[name+"/"] = ""
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := root.Readlink(name)
			found[name] = "->" + target
			return err
		default:
			content, err := root.ReadFile(name)
			found[name] = string(content)
			return err
		}
		return nil
	}))
	return found
}

// withoutPath is an output, decoded anew, with WORKSPACE in place of the path of the workspace.
func withoutPath(t testing.TB, output action.Output, directory string) (decoded action.Output) {
	t.Helper()
	encoded, err := json.Marshal(output)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(encoded), directory, "WORKSPACE")), &decoded))
	return decoded
}
