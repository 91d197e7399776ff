package actiontest

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/portico-dev/portico/internal/devstack/servers"
)

// Proof is what one test has shown of an action by Conform: that it can be planned, run and run again, and what follows.
type Proof struct {
	// Crashes is at how many points a run crashed, and another attempt completed it.
	Crashes int `json:"crashes"`
	// Undo is what becomes of the effects.
	Undo Undo `json:"undo,omitempty"`
	// RolledBack is at how many points a run crashed, and a rollback followed.
	RolledBack int `json:"rolledBack,omitempty"`
	// UndoCrashes is at how many points a rollback crashed, and another one completed it. Its effects were undone twice.
	UndoCrashes int `json:"undoCrashes,omitempty"`
	// Used, Taken and Hidden say that what others have used, have created before, or hide is kept.
	Used   bool `json:"used,omitempty"`
	Taken  bool `json:"taken,omitempty"`
	Hidden bool `json:"hidden,omitempty"`
	// NoUndo says why an action that calls others has nothing to undo.
	NoUndo string `json:"noUndo,omitempty"`
}

// Undo is what a rollback does with the effects of an action. The zero value says that there are none.
type Undo string

// What a rollback does.
const (
	UndoRemoves Undo = "removes"
	UndoKeeps   Undo = "keeps"
)

// Proofs are those of actions, by the action's id and the name of the test.
type Proofs map[string]map[string]Proof

// proofFile is beside the tests of a package of actions.
const proofFile = "testdata/conformance.json"

// ReadProofs reads the committed file of a package of actions, in its directory. A package without one has no proofs.
func ReadProofs(directory string) (Proofs, error) {
	read := Proofs{}
	text, err := os.ReadFile(filepath.Join(directory, proofFile))
	if errors.Is(err, fs.ErrNotExist) {
		return read, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil {
		return nil, fmt.Errorf("proofs of conformance: %w", err)
	}
	return read, nil
}

func (p Proofs) set(id, test string, proof Proof) {
	if p[id] == nil {
		p[id] = map[string]Proof{}
	}
	p[id][test] = proof
}

func (p Proofs) write(directory string) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("proofs of conformance: %w", err)
	}
	name := filepath.Join(directory, proofFile)
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, append(text, '\n'), 0o644))
}

// proof collects what the properties of one test show.
type proof struct {
	mutex sync.Mutex
	id    string
	held  int
	shown Proof
}

// hold notes that a property holds, or that the action cannot have it.
func (p *proof) hold(s *subject, shows func(*Proof, *subject), applies bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.held++
	p.id, p.shown.NoUndo = s.Action.Describe().ID, s.NoUndo
	switch {
	case s.State == nil:
	case s.Restore == nil:
		p.shown.Undo = UndoRemoves
	default:
		p.shown.Undo = UndoKeeps
	}
	if applies && shows != nil {
		shows(&p.shown, s)
	}
}

// record is what the tests of this process have shown.
type record struct {
	mutex  sync.Mutex
	proofs Proofs
}

var proven = &record{proofs: Proofs{}}

// add records what a test has shown, if none of its properties was left out.
func (r *record) add(test string, made *proof) {
	made.mutex.Lock()
	defer made.mutex.Unlock()
	if made.held < len(properties) {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.proofs.set(made.id, test, made.shown)
}

// settle compares what was shown with the file of a package, or writes it. Everything in the file must have been shown if
// all tests have run.
func (r *record) settle(directory string, all, update bool) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	stored, err := ReadProofs(directory)
	if err != nil {
		return err
	}
	expected := r.proofs
	if !all {
		expected = Proofs{}
		for _, from := range []Proofs{stored, r.proofs} {
			for id, tests := range from {
				for test, shown := range tests {
					expected.set(id, test, shown)
				}
			}
		}
	}
	if update {
		return expected.write(directory)
	}
	for _, id := range slices.Sorted(maps.Keys(expected)) {
		if !maps.Equal(stored[id], expected[id]) {
			return fmt.Errorf("%s has %+v of %s, and the tests have shown %+v: `make conformance` writes it", proofFile, stored[id], id, expected[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(stored)) {
		if expected[id] == nil {
			return fmt.Errorf("%s has %s, of which no test has shown anything: `make conformance` writes it", proofFile, id)
		}
	}
	return nil
}

// Main is the TestMain of a package of actions. It runs the tests, and fails if what Conform has shown is not what
// testdata/conformance.json says, from which docs/actions/conformance.md is made. With -update, it writes that file. It
// returns the exit code. Temporary files are where databases of tests are, if PORTICO_TEST_DATA names that: a suite makes
// thousands of repositories and workspaces, and most of the time of one on a disk is spent on creating and deleting their files.
func Main(m *testing.M) int {
	if memory := os.Getenv("PORTICO_TEST_DATA"); memory != "" {
		if err := os.Setenv("TMPDIR", memory); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	update := flag.Bool("update", false, "write "+proofFile)
	flag.Parse()
	code := m.Run()
	if code != 0 {
		return code
	}
	if err := proven.settle(".", hasRunAll(), *update); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// hasRunAll reports whether all tests of the package have run: no flag chooses among them, and those with a server had it.
func hasRunAll() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if flag.Lookup(name).Value.String() != "" {
			return false
		}
	}
	return !slices.ContainsFunc([]servers.Binary{servers.Kubernetes, servers.Vault, servers.S3}, func(binary servers.Binary) bool {
		return os.Getenv(binary.Variable) == ""
	})
}
