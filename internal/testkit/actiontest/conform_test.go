package actiontest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/action/resource"
)

// note is a note on a board. Mark is the effect for which it was created.
type note struct {
	ID, Name, Mark string
	Comments       int
}

// board is a server of notes. It refuses a second note with the same name.
type board struct {
	boardKind

	mutex  sync.Mutex
	notes  []note
	pinned int
	hidden bool
}

// boardKind says how a board is not like others: careless ones take two notes of one name, those that hide
// may answer "not found" for what is there.
type boardKind struct{ careless, hides bool }

func (b *board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/notes/")
	at := slices.IndexFunc(b.notes, func(n note) bool { return n.Name == name && !b.hidden })
	var sent note
	_ = json.NewDecoder(r.Body).Decode(&sent) // not every request has a body
	switch {
	case r.Method == http.MethodPost && at >= 0 && !b.careless:
		w.WriteHeader(http.StatusConflict)
	case r.Method == http.MethodPost:
		b.pinned++
		sent.Name, sent.ID = name, fmt.Sprint(b.pinned)
		b.notes = append(b.notes, sent)
		answer(w, sent)
	case at < 0:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		b.notes = slices.Delete(b.notes, at, at+1)
	default:
		answer(w, b.notes[at])
	}
}

// answer writes a note as JSON. The caller may have disconnected.
func answer(w http.ResponseWriter, n note) {
	_, _ = fmt.Fprintf(w, `{"ID":%q,"Name":%q,"Mark":%q,"Comments":%d}`, n.ID, n.Name, n.Mark, n.Comments)
}

// change changes the notes on behalf of somebody else.
func (b *board) change(change func()) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	change()
}

func (b *board) names(testing.TB) []string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	told := []string{}
	for _, n := range b.notes {
		told = append(told, fmt.Sprintf("%s with %d comments", n.Name, n.Comments))
	}
	return told
}

// fixture is a board, and an action that uses it.
func fixture(kind boardKind, at func(createNote) action.Action) actiontest.NewFixture {
	return func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := &board{boardKind: kind}
		server := httptest.NewServer(gate.Handler(b))
		t.Cleanup(server.Close)
		made := actiontest.Fixture{
			Action: at(createNote{server.URL}), Input: `{"name":"party"}`,
			State:  b.names,
			Digest: func(testing.TB) string { return fmt.Sprint(b.names(nil), b.pinned) },
			Use:    func(testing.TB) { b.change(func() { b.notes[0].Comments++ }) },
			Take:   func(testing.TB) { b.change(func() { b.notes = append(b.notes, note{ID: "theirs", Name: "party"}) }) },
		}
		if b.hides {
			made.Hide = func(testing.TB) func() {
				b.change(func() { b.hidden = true })
				return func() { b.change(func() { b.hidden = false }) }
			}
		}
		return made
	}
}

func TestASmallActionConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, fixture(boardKind{}, func(a createNote) action.Action { return a }))
}

// TestConformShowsWhatItTested: the numbers that the pages of actions have.
func TestConformShowsWhatItTested(t *testing.T) { //nolint:tparallel // What it has shown is there when the subtest has ended.
	t.Parallel()
	t.Run("a note", func(t *testing.T) {
		actiontest.Conform(t, fixture(boardKind{}, func(a createNote) action.Action { return a }))
	})
	shown := actiontest.Proven("note:create")["TestConformShowsWhatItTested/a_note"]
	require.Positive(t, shown.UndoCrashes)
	shown.UndoCrashes = 0
	require.Equal(t, actiontest.Proof{Crashes: 4, Undo: actiontest.UndoRemoves, RolledBack: 4, Used: true, Taken: true}, shown)
}

// dropping is a board with a note, and the action that takes it off.
func dropping(forgets bool) actiontest.NewFixture {
	return func(t testing.TB, gate *actiontest.Gate) actiontest.Fixture {
		t.Helper()
		b := &board{}
		server := httptest.NewServer(gate.Handler(b))
		t.Cleanup(server.Close)
		restore := func(testing.TB) {
			b.change(func() {
				b.pinned++
				b.notes = []note{{ID: fmt.Sprint(b.pinned), Name: "party"}}
			})
		}
		restore(t)
		return actiontest.Fixture{
			Action: dropNote{createNote{server.URL}, forgets}, Input: `{"name":"party"}`, State: b.names, Restore: restore,
			Digest: func(testing.TB) string { return fmt.Sprint(b.names(nil), b.pinned) },
		}
	}
}

func TestAnActionThatNobodyCanUndoConforms(t *testing.T) {
	t.Parallel()
	actiontest.Conform(t, dropping(false))
	for _, property := range []string{"can be rolled back after a crash at any point", "can be undone twice, and after a crash of the undo"} {
		require.Contains(t, actiontest.Failure(t, property, dropping(true)), "InUseError", "a rollback that says nothing")
	}
}

// broken is createNote with one method replaced.
type broken struct {
	createNote
	run  func(context.Context, *action.Call) (action.Output, error)
	undo func(context.Context, *action.UndoCall) error
	plan func(context.Context, *action.Call) (action.Plan, error)
	say  func(*action.Description)
}

func (b broken) Describe() action.Description {
	description := b.createNote.Describe()
	if b.say != nil {
		b.say(&description)
	}
	return description
}

func (b broken) Run(ctx context.Context, call *action.Call) (action.Output, error) {
	if b.run != nil {
		return b.run(ctx, call)
	}
	return b.createNote.Run(ctx, call)
}

func (b broken) Undo(ctx context.Context, call *action.UndoCall) error {
	if b.undo != nil {
		return b.undo(ctx, call)
	}
	return b.createNote.Undo(ctx, call)
}

func (b broken) Plan(ctx context.Context, call *action.Call) (action.Plan, error) {
	if b.plan != nil {
		return b.plan(ctx, call)
	}
	return b.createNote.Plan(ctx, call)
}

// with runs createNote with a changed specification of the note.
func with(a createNote, change func(*resource.Spec[note])) func(context.Context, *action.Call) (action.Output, error) {
	return func(ctx context.Context, call *action.Call) (action.Output, error) {
		spec := a.note("party")
		change(&spec)
		made, _, err := resource.Ensure(ctx, call, spec)
		return action.Output{"id": made.ID}, err
	}
}

// TestTheSuiteFindsErrors changes the action by common mistakes. Each must fail one property of the suite.
func TestTheSuiteFindsErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		property, says string
		board          boardKind
		broken         func(createNote) broken
	}{
		"no examples": {"is described", "Should NOT be empty", boardKind{}, func(createNote) broken {
			return broken{say: func(d *action.Description) { d.Examples = nil }}
		}},
		"an output that its schema does not have": {"has the same outcome when run again", "got string, want number", boardKind{}, func(createNote) broken {
			return broken{say: func(d *action.Description) {
				d.OutputSchema = json.RawMessage(`{"properties":{"id":{"type":"number"}}}`)
			}}
		}},
		"a plan that is carried out": {"plans what it does, and writes nothing", "planning changes nothing outside", boardKind{}, func(a createNote) broken {
			return broken{plan: func(ctx context.Context, call *action.Call) (action.Plan, error) {
				plan, err := a.Plan(ctx, call)
				_, _ = a.Run(ctx, call)
				return plan, err
			}}
		}},
		"a plan of something else": {"plans what it does, and writes nothing", "what was planned was created", boardKind{}, func(createNote) broken {
			return broken{plan: func(context.Context, *action.Call) (action.Plan, error) { return action.Plan{Summary: "relax"}, nil }}
		}},
		"nothing recorded": {"can be rolled back after a crash at any point", "nothing is left", boardKind{}, func(a createNote) broken {
			return broken{run: func(ctx context.Context, _ *action.Call) (action.Output, error) {
				_, err := a.request(ctx, http.MethodPost, "party", note{}, nil)
				return action.Output{"id": "1"}, err
			}}
		}},
		"a second note when the answer to the first was lost": {"completes after a crash at any point", "after a crash at point 3", boardKind{careless: true}, func(a createNote) broken {
			return broken{run: with(a, func(spec *resource.Spec[note]) {
				find := spec.Find
				spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[note], error) {
					if effect.State == action.EffectIntended {
						return nil, nil
					}
					return find(ctx, effect)
				}
			})}
		}},
		"the work of others taken for its own": {"keeps what others have created", "An error is expected", boardKind{}, func(a createNote) broken {
			return broken{run: with(a, func(spec *resource.Spec[note]) {
				find := spec.Find
				spec.Find = func(ctx context.Context, effect action.Effect) (*resource.Found[note], error) {
					found, err := find(ctx, effect)
					if found != nil {
						found.MadeFor = func(action.Effect) bool { return true }
					}
					return found, err
				}
			})}
		}},
		"an undoing that finds nothing": {"can be undone twice, and after a crash of the undo", "what is gone is done", boardKind{}, func(a createNote) broken {
			return broken{undo: func(ctx context.Context, call *action.UndoCall) error {
				status, err := a.request(ctx, http.MethodDelete, call.Effect.Name, nil, nil)
				if status == http.StatusNotFound {
					return action.Final(fmt.Errorf("%s is gone", call.Effect.Name))
				}
				return err
			}}
		}},
		"hidden taken for gone": {"does not mistake hidden for gone", "what cannot be seen may be there", boardKind{hides: true}, func(createNote) broken { return broken{} }},
		"an undoing that does not look": {"keeps what others have used", "InUseError", boardKind{}, func(a createNote) broken {
			return broken{undo: func(ctx context.Context, call *action.UndoCall) error {
				_, err := a.request(ctx, http.MethodDelete, call.Effect.Name, nil, nil)
				return err
			}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newFixture := fixture(test.board, func(a createNote) action.Action {
				made := test.broken(a)
				made.createNote = a
				return made
			})
			failure := actiontest.Failure(t, test.property, newFixture)
			require.Contains(t, failure, test.says)
		})
	}
}

func TestTheLedgerInMemory(t *testing.T) {
	t.Parallel()
	ledger := &actiontest.Ledger{}
	actiontest.RequireLedger(t, ledger.For("run", "step", "action"))
}
