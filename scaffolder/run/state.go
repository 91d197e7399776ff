package run

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
	"github.com/portico-dev/portico/recall"
	"github.com/portico-dev/portico/scaffolder/action"
)

// State is everything that is needed to continue a run. Its secrets are not masked: it must not be shown to
// people.
type State struct {
	Run
	// Claim is the right to write the run.
	Claim Claim
	// Secrets are empty once they were deleted.
	Secrets map[string]string
	// Steps are without input and output: see Store.Outputs.
	Steps []Step
}

// State reads the state of a run; a fault of kind NotFound, in Backstage's words, when there is none.
func (s *Store) State(ctx context.Context, id uuid.UUID) (State, error) {
	read, err := s.stateRows(ctx, id)
	if err != nil {
		return State{}, err
	}
	state := State{Claim: newClaim(read.run)}
	if state.Run, err = fromRowWith(read.run, s.specs.decode); err != nil {
		return State{}, err
	}
	if state.Secrets, err = s.openSecrets(id, read.sealed); err != nil {
		return State{}, err
	}
	for _, row := range read.steps {
		step, err := stepFromRow(asStep(row))
		if err != nil {
			return State{}, err
		}
		if step.Iterations, err = s.openIterations(row); err != nil {
			return State{}, err
		}
		for index := range step.Iterations {
			step.IterationsDone = max(step.IterationsDone, index+1)
		}
		state.Steps = append(state.Steps, step)
	}
	return state, nil
}

func asStep(row db.RunStepStatesRow) db.RunStep {
	return db.RunStep{RunID: row.RunID, Position: row.Position, StepID: row.StepID, Name: row.Name, Action: row.Action, Status: row.Status,
		FailedAttempts: row.FailedAttempts, StartedAt: row.StartedAt, EndedAt: row.EndedAt, WaitingUntil: row.WaitingUntil, Error: row.Error,
		Workspace: row.Workspace, IterationsDone: row.IterationsDone, WorkspaceSpent: row.WorkspaceSpent, Warnings: row.Warnings}
}

// Outputs are the outputs of the steps at these positions, in order, unmasked and masked.
func (s *Store) Outputs(ctx context.Context, id uuid.UUID, positions []int) ([]action.StepOutput, error) {
	if len(positions) == 0 {
		return nil, nil
	}
	wanted := make([]int32, len(positions))
	for i, position := range positions {
		wanted[i] = int32(position)
	}
	rows, err := s.queries.RunStepOutputs(ctx, s.pool, id, wanted)
	if err != nil {
		return nil, fmt.Errorf("read the outputs of run %s: %w", id, err)
	}
	outputs := make([]action.StepOutput, len(rows))
	for i, row := range rows {
		output := json.RawMessage(row.Output)
		if row.SealedOutput != nil {
			if output, err = s.keys.Open(row.SealedOutput, id.String()); err != nil {
				return nil, fmt.Errorf("output of step %s of run %s: %w", row.StepID, id, err)
			}
		}
		outputs[i] = action.StepOutput{StepID: row.StepID, Output: output, Shown: row.Output}
	}
	return outputs, nil
}

// stateRows are the rows of a State; sealed is nil when there are no secrets.
type stateRows struct {
	run    db.Run
	sealed []byte
	steps  []db.RunStepStatesRow
}

const (
	// maxFresh bounds the number of kept states, of a few kilobytes each.
	maxFresh = 1000
	// freshFor is less than the time that Temporal gives the first worker of a run: another worker has seldom
	// written the run by then.
	freshFor = 3 * time.Second
)

// freshRuns are the states of runs that this process has just created. Mostly the same process executes them
// milliseconds later. If another process has written the run meanwhile, the first write from such a state is
// refused, because its claim is not the newest. Nothing is done twice: an advance has no effects outside
// before its first write.
type freshRuns = recall.Memory[uuid.UUID, stateRows]

func newFreshRuns() *freshRuns { return recall.New[uuid.UUID, stateRows](maxFresh, freshFor) }

func (s *Store) stateRows(ctx context.Context, id uuid.UUID) (stateRows, error) {
	if fresh, ok := s.fresh.Take(id); ok {
		return fresh, nil
	}
	row, err := s.queries.RunWithSecrets(ctx, s.pool, id)
	if err != nil {
		return stateRows{}, notFound(err, id)
	}
	steps, err := s.queries.RunStepStates(ctx, s.pool, id)
	if err != nil {
		return stateRows{}, fmt.Errorf("read the steps of run %s: %w", id, err)
	}
	return stateRows{run: row.Run, sealed: row.Sealed, steps: steps}, nil
}

func (s *Store) openSecrets(id uuid.UUID, sealed []byte) (map[string]string, error) {
	secrets := map[string]string{}
	if sealed == nil {
		return secrets, nil
	}
	if err := s.openJSON(id, sealed, &secrets); err != nil {
		return nil, fmt.Errorf("secrets of run %s: %w", id, err)
	}
	return secrets, nil
}

// openIterations are the outputs that a release before migration 0006 stored with the step.
func (s *Store) openIterations(row db.RunStepStatesRow) (map[int]json.RawMessage, error) {
	if row.SealedIterations == nil {
		return nil, nil
	}
	iterations := map[int]json.RawMessage{}
	if err := s.openJSON(row.RunID, row.SealedIterations, &iterations); err != nil {
		return nil, fmt.Errorf("iterations of step %s of run %s: %w", row.StepID, row.RunID, err)
	}
	return iterations, nil
}

// Iterations are the unmasked outputs of the completed iterations, by index, of an active step with each.
func (s *Store) Iterations(ctx context.Context, id uuid.UUID, position int) (map[int]json.RawMessage, error) {
	rows, err := s.queries.RunIterations(ctx, s.pool, id, int32(position))
	if err != nil {
		return nil, fmt.Errorf("read the iterations of step %d of run %s: %w", position+1, id, err)
	}
	iterations := make(map[int]json.RawMessage, len(rows))
	for _, row := range rows {
		if iterations[int(row.Index)], err = s.keys.Open(row.Sealed, id.String()); err != nil {
			return nil, fmt.Errorf("iteration %d of step %d of run %s: %w", row.Index, position+1, id, err)
		}
	}
	return iterations, nil
}

func (s *Store) openJSON(id uuid.UUID, sealed []byte, into any) error {
	plain, err := s.keys.Open(sealed, id.String())
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}
