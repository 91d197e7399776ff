package run

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/portico-dev/portico/db"
)

// State is all that a run goes on from. Its secrets and outputs are the true ones: it is not for people's eyes.
type State struct {
	Run
	// Secrets are empty once they were deleted.
	Secrets map[string]string
	Steps   []Step
	// Outputs are what the completed steps left, in order: what expressions see as steps.<id>.output.
	Outputs []StepOutput
}

// StepOutput is what a completed step left, and the same with secrets masked. Both are nil when it left nothing.
type StepOutput struct {
	StepID        string
	Output, Shown json.RawMessage
}

// State reads the state of a run; a fault of kind NotFound, in Backstage's words, when there is none.
func (s *Store) State(ctx context.Context, id uuid.UUID) (State, error) {
	row, err := s.queries.RunWithSecrets(ctx, s.pool, id)
	if err != nil {
		return State{}, notFound(err, id)
	}
	var state State
	if state.Run, err = fromRow(row.Run); err != nil {
		return State{}, err
	}
	if state.Secrets, err = s.openSecrets(id, row.Sealed); err != nil {
		return State{}, err
	}
	rows, err := s.queries.RunStepsByRun(ctx, s.pool, id)
	if err != nil {
		return State{}, fmt.Errorf("read the steps of run %s: %w", id, err)
	}
	if state.Steps, err = stepsFromRows(id, rows); err != nil {
		return State{}, err
	}
	for i, row := range rows {
		if state.Steps[i].Iterations, err = s.openIterations(row); err != nil {
			return State{}, err
		}
		if Status(row.Status) != StatusCompleted {
			continue
		}
		output, err := s.openOutput(row)
		if err != nil {
			return State{}, err
		}
		state.Outputs = append(state.Outputs, StepOutput{StepID: row.StepID, Output: output, Shown: row.Output})
	}
	return state, nil
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

func (s *Store) openIterations(row db.RunStep) (map[int]json.RawMessage, error) {
	if row.SealedIterations == nil {
		return nil, nil
	}
	iterations := map[int]json.RawMessage{}
	if err := s.openJSON(row.RunID, row.SealedIterations, &iterations); err != nil {
		return nil, fmt.Errorf("iterations of step %s of run %s: %w", row.StepID, row.RunID, err)
	}
	return iterations, nil
}

func (s *Store) openOutput(row db.RunStep) (json.RawMessage, error) {
	if row.SealedOutput == nil {
		return row.Output, nil
	}
	output, err := s.keys.Open(row.SealedOutput, row.RunID.String())
	if err != nil {
		return nil, fmt.Errorf("output of step %s of run %s: %w", row.StepID, row.RunID, err)
	}
	return output, nil
}

func (s *Store) openJSON(id uuid.UUID, sealed []byte, into any) error {
	plain, err := s.keys.Open(sealed, id.String())
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, into)
}
