package actiontest

import (
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/action"
)

// World is what one action is run in by the suite: the action itself, wired to servers that are as real as
// they can be, and ways to look at these and to meddle with them.
type World struct {
	Action action.Action
	// Input is a valid input, which is JSON. WORKSPACE in it is the path of the workspace.
	Input string
	// Files are in the workspace before the action runs, by path.
	Files    map[string]string
	Template action.TemplateInfo
	User     action.User
	Secrets  map[string]string
	// State lists what the action can create outside, as people would tell it: without ids and times, which
	// differ between two worlds that are alike. Nil says that the action has no effects.
	State func(t testing.TB) []string
	// Digest changes with each change of the world outside. It is needed where there is a State.
	Digest func(t testing.TB) string
	// Use has somebody else use what the action has created. Nil says that use cannot be seen.
	Use func(t testing.TB)
	// Take has somebody else create what the action is about to create. Nil says that two such things can be.
	Take func(t testing.TB)
	// Hide has the servers hide what is there, as from a token that was narrowed, until show is called. Nil
	// says that they hide nothing.
	Hide func(t testing.TB) (show func())
}

// NewWorld makes a world for one test. Each call that the action makes to what outlives its process passes
// the gate: a server of the world is served by Gate.Serve or Gate.Handler, a pool of connections is traced by
// it.
type NewWorld func(t testing.TB, gate *Gate) World

// Conform holds an action to the contract of package action, in worlds made for it. It runs it once and
// again; has its process die at each moment at which it exchanges something with the world, and lets another
// attempt finish, or a rollback; undoes it twice, also after others have used what it made or while it is
// hidden; and plans it. After each of these the world must be as it should be.
func Conform(t *testing.T, newWorld NewWorld) {
	t.Helper()
	for _, property := range properties {
		t.Run(property.name, func(t *testing.T) {
			t.Parallel()
			property.require(t, newWorld)
		})
	}
}

// properties are what holds of every action; each is a test of its own. They take a testing.TB so that the
// suite's own tests can see them fail.
var properties = []struct {
	name    string
	require func(t testing.TB, newWorld NewWorld)
}{
	{"is described", requireDescribed},
	{"plans what it does and writes nothing", requirePlan},
	{"does the same when it is run again", requireRerun},
	{"is completed by another attempt wherever it dies", requireCompletion},
	{"is completed although it dies over and over", requirePersistence},
	{"is rolled back wherever it dies", requireRollback},
	{"is undone twice, and wherever the undoing dies", requireUndo},
	{"leaves alone what others have used", requireUsedIsKept},
	{"leaves alone what others have created", requireTakenIsKept},
	{"does not take hidden for gone", requireHiddenIsOpen},
}

// subject is an action in its world, and a run of it.
type subject struct {
	World
	gate  *Gate
	bench *Bench
	// before is the state of the world that the action has not run in.
	before []string
}

// newSubject makes a world. It skips the test when the property is not of this action.
func newSubject(t testing.TB, newWorld NewWorld) *subject {
	t.Helper()
	gate := &Gate{}
	s := &subject{World: newWorld(t, gate), gate: gate}
	s.bench = NewBench(t)
	s.bench.Ledger.Gate = gate
	s.bench.User, s.bench.Secrets = s.User, s.Secrets
	if s.Template.EntityRef != "" {
		s.bench.Template = s.Template
	}
	s.before = s.state(t)
	return s
}

// newEffective is newSubject for properties of actions that have effects.
func newEffective(t testing.TB, newWorld NewWorld, applies func(World) bool) *subject {
	t.Helper()
	s := newSubject(t, newWorld)
	if s.State == nil || !applies(s.World) {
		t.Skip("this action has no such effect")
	}
	return s
}

func (s *subject) state(t testing.TB) []string {
	t.Helper()
	if s.State == nil {
		return nil
	}
	return s.State(t)
}

// outcome is all that people see of a run: in the world, in the workspace and in the log.
type outcome struct {
	Output action.Output
	State  []string
	Files  map[string]string
	Log    []string
}

// attempt runs the action in a process that dies at a moment; 0 is never. It has the workspace that the step
// before left. What came of it is only told of a process that lived.
func (s *subject) attempt(t testing.TB, fatal int) (done outcome, moments int, died bool, err error) {
	t.Helper()
	s.bench.Workspace, s.bench.Log = newWorkspace(t, s.Files), &Log{}
	place := s.bench.Workspace.Name()
	output, err := s.bench.run(s.gate.begin(t.Context(), fatal), t, s.Action, strings.ReplaceAll(s.Input, "WORKSPACE", place))
	moments, died = s.gate.end()
	s.gate.open()
	if err != nil || died {
		return outcome{}, moments, died, err
	}
	done = outcome{Output: placeless(t, output, place), State: s.state(t), Files: filesOf(t, s.bench.Workspace)}
	for _, line := range s.bench.Log.Lines() {
		done.Log = append(done.Log, strings.ReplaceAll(line, place, "WORKSPACE"))
	}
	return done, moments, false, nil
}

// run is an attempt that must succeed.
func (s *subject) run(t testing.TB) outcome {
	t.Helper()
	done, _, _, err := s.attempt(t, 0)
	require.NoError(t, err)
	return done
}

// undo rolls the run back in a process that dies at a moment.
func (s *subject) undo(t testing.TB, fatal int) (died bool, err error) {
	t.Helper()
	err = s.bench.RollBack(s.gate.begin(t.Context(), fatal), s.Action)
	_, died = s.gate.end()
	s.gate.open()
	return died, err
}

// requireUndone rolls back, and sees the world as it was before.
func (s *subject) requireUndone(t testing.TB) {
	t.Helper()
	_, err := s.undo(t, 0)
	require.NoError(t, err)
	require.Equal(t, s.before, s.state(t), "nothing is left")
}

// requireConfirmed checks that the ledger knows each effect as created, and returns them.
func (s *subject) requireConfirmed(t testing.TB) []action.Effect {
	t.Helper()
	effects := s.bench.Ledger.All()
	for _, effect := range effects {
		require.Equal(t, action.EffectCreated, effect.State, "the effect %s %s", effect.Kind, effect.Name)
	}
	return effects
}

func requireDescribed(t testing.TB, newWorld NewWorld) {
	t.Helper()
	requireDescription(t, newSubject(t, newWorld).Action.Describe())
}

func requirePlan(t testing.TB, newWorld NewWorld) {
	t.Helper()
	s := newSubject(t, newWorld)
	digest := func() string { return "" }
	if s.Digest != nil {
		digest = func() string { return s.Digest(t) }
	}
	before := digest()
	s.bench.Workspace = newWorkspace(t, s.Files)
	plan, err := s.Action.Plan(t.Context(), s.bench.Call(strings.ReplaceAll(s.Input, "WORKSPACE", s.bench.Workspace.Name())))
	require.NoError(t, err)
	require.Equal(t, before, digest(), "planning changes nothing outside")
	require.Empty(t, s.bench.Ledger.All(), "planning records nothing")
	require.Equal(t, filesOf(t, newWorkspace(t, s.Files)), filesOf(t, s.bench.Workspace), "planning changes no file")

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

func requireRerun(t testing.TB, newWorld NewWorld) {
	t.Helper()
	s := newSubject(t, newWorld)
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

// eachDeath has an attempt die at each of its moments in turn, and what comes after it seen to.
func (s *subject) eachDeath(t testing.TB, after func(moment int)) {
	t.Helper()
	for moment := 1; ; moment++ {
		_, moments, died, err := s.attempt(t, moment)
		if !died {
			require.NoError(t, err)
			require.Equal(t, moment-1, moments)
			require.True(t, s.State == nil || moments > 0, "an action with effects passes the gate")
			return
		}
		after(moment)
	}
}

func requireCompletion(t testing.TB, newWorld NewWorld) {
	t.Helper()
	s := newSubject(t, newWorld)
	whole := s.run(t)
	created := len(s.bench.Ledger.All())
	s.requireUndone(t)
	s.eachDeath(t, func(moment int) {
		done := s.run(t)
		require.Equal(t, whole.State, done.State, "after a death at moment %d", moment)
		require.Equal(t, whole.Files, done.Files, "after a death at moment %d", moment)
		require.Len(t, s.requireConfirmed(t), created, "after a death at moment %d", moment)
		s.requireUndone(t)
	})
}

func requirePersistence(t testing.TB, newWorld NewWorld) {
	t.Helper()
	s := newSubject(t, newWorld)
	whole := s.run(t)
	effects := len(s.bench.Ledger.All())
	s.requireUndone(t)
	_, moments, _, err := s.attempt(t, 0)
	require.NoError(t, err)
	s.requireUndone(t)
	for seed := range uint64(6) {
		random := rand.New(rand.NewPCG(seed, 0))
		for died := true; died; {
			var done outcome
			// At times it lives.
			done, _, died, err = s.attempt(t, 1+random.IntN(moments*3/2+1))
			if !died {
				require.NoError(t, err)
				require.Equal(t, whole.State, done.State)
				require.Len(t, s.requireConfirmed(t), effects)
			}
		}
		s.requireUndone(t)
	}
}

func requireRollback(t testing.TB, newWorld NewWorld) {
	t.Helper()
	s := newEffective(t, newWorld, func(World) bool { return true })
	s.eachDeath(t, func(int) { s.requireUndone(t) })
}

func requireUndo(t testing.TB, newWorld NewWorld) {
	t.Helper()
	s := newSubject(t, newWorld)
	s.run(t)
	if s.State == nil {
		require.Empty(t, s.bench.Ledger.All(), "an action without a state creates nothing")
		require.False(t, action.IsTransient(s.bench.Undo(t.Context(), s.Action, action.Effect{Kind: "thing", Name: "x"})))
		return
	}
	for moment := 1; ; moment++ {
		made := s.requireConfirmed(t)
		died, err := s.undo(t, moment)
		if !died {
			require.NoError(t, err)
		}
		s.requireUndone(t)
		for _, effect := range made {
			require.NoError(t, s.bench.Undo(t.Context(), s.Action, effect), "what is gone is done")
		}
		require.Equal(t, s.before, s.state(t))
		if !died {
			return
		}
		s.run(t)
	}
}

func requireUsedIsKept(t testing.TB, newWorld NewWorld) {
	t.Helper()
	s := newEffective(t, newWorld, func(w World) bool { return w.Use != nil })
	s.run(t)
	s.Use(t)
	used, digest := s.state(t), s.Digest(t)
	for range 2 {
		_, err := s.undo(t, 0)
		var inUse *action.InUseError
		require.ErrorAs(t, err, &inUse)
		require.NotEmpty(t, inUse.Reason)
	}
	require.Equal(t, used, s.state(t))
	require.Equal(t, digest, s.Digest(t), "nothing of it was touched")
}

func requireTakenIsKept(t testing.TB, newWorld NewWorld) {
	t.Helper()
	s := newEffective(t, newWorld, func(w World) bool { return w.Take != nil })
	s.Take(t)
	taken, digest := s.state(t), s.Digest(t)
	for range 2 {
		_, _, _, err := s.attempt(t, 0)
		require.Error(t, err)
		require.False(t, action.IsTransient(err), "%v", err)
		require.Equal(t, action.EffectUndone, s.bench.Ledger.All()[0].State, "the run created nothing")
	}
	s.bench.Workspace = newWorkspace(t, s.Files)
	_, err := s.undo(t, 0)
	require.NoError(t, err)
	require.Equal(t, taken, s.state(t))
	require.Equal(t, digest, s.Digest(t), "nothing of it was touched")
}

func requireHiddenIsOpen(t testing.TB, newWorld NewWorld) {
	t.Helper()
	s := newEffective(t, newWorld, func(w World) bool { return w.Hide != nil })
	s.run(t)
	made := s.state(t)
	show := s.Hide(t)
	_, err := s.undo(t, 0)
	require.Error(t, err, "what cannot be seen may be there")
	require.NotEmpty(t, action.Advice(err))
	_, _, _, err = s.attempt(t, 0)
	require.Error(t, err, "and is not created anew")
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

// placeless is an output, decoded anew, without the path of the workspace.
func placeless(t testing.TB, output action.Output, place string) (decoded action.Output) {
	t.Helper()
	encoded, err := json.Marshal(output)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(strings.ReplaceAll(string(encoded), place, "WORKSPACE")), &decoded))
	return decoded
}
