package workflows_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/catalog/sweep"
	"github.com/portico-dev/portico/workflows"
)

// sweepStage replaces the activities of a sweep: a script has their answers, and all calls are recorded in order.
type sweepStage struct {
	environment *testsuite.TestWorkflowEnvironment
	id          uuid.UUID
	started     time.Time
	// now is what the record says when the workflow begins or is woken.
	now sweep.Progress
	// answers are those of the pages and commits; after the last one, the sweep is committed.
	answers []sweep.Progress
	// fails has an error for a call, nil for none.
	fails func(call string) error
	calls []string
	ended sweep.EndRequest
}

func newSweepStage(answers ...sweep.Progress) *sweepStage {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	s := &sweepStage{environment: newEnvironment(&suite), id: uuid.New(), started: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), answers: answers}
	s.environment.SetStartTime(s.started)
	s.now = sweep.Progress{State: sweep.Reading}
	workflows.Register(s.environment, workflows.QueueBackground)
	for name, function := range map[string]any{
		sweep.ActivityBegin: func(sweep.BeginRequest) (sweep.Progress, error) {
			progress := s.now
			progress.ID, progress.Deadline, progress.Place = s.id, s.started.Add(time.Hour), "github.com/acme"
			return progress, s.call("begin")
		},
		sweep.ActivityReadPage: func(sweep.PageRequest) (sweep.Progress, error) { return s.next("page") },
		sweep.ActivityCommit:   func(sweep.CommitRequest) (sweep.Progress, error) { return s.next("commit") },
		sweep.ActivityEnd: func(request sweep.EndRequest) (sweep.Progress, error) {
			s.ended = request
			return sweep.Progress{ID: s.id, State: request.State, Failure: request.Failure}, s.call("end " + string(request.State))
		},
	} {
		s.environment.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
	return s
}

func (s *sweepStage) call(what string) error {
	s.calls = append(s.calls, what)
	if s.fails == nil {
		return nil
	}
	return s.fails(what)
}

func (s *sweepStage) next(what string) (sweep.Progress, error) {
	if err := s.call(what); err != nil {
		return sweep.Progress{}, err
	}
	answer := sweep.Progress{State: sweep.Committed}
	if len(s.answers) > 0 {
		answer, s.answers = s.answers[0], s.answers[1:]
	}
	answer.ID = s.id
	return answer, nil
}

// run runs the workflow and returns how long it took, and its error.
func (s *sweepStage) run(t *testing.T) (took time.Duration, err error) {
	t.Helper()
	s.environment.ExecuteWorkflow(sweep.WorkflowDiscoverySweep, sweep.Command{Source: "github-provider:acme"})
	require.True(t, s.environment.IsWorkflowCompleted())
	return s.environment.Now().Sub(s.started), s.environment.GetWorkflowError()
}

func reading(pages int) sweep.Progress { return sweep.Progress{State: sweep.Reading, Pages: pages} }

var complete = sweep.Progress{State: sweep.Complete, Pages: 3}

func TestASweepReadsPagesAndCommits(t *testing.T) {
	t.Parallel()
	s := newSweepStage(reading(1), reading(2), complete)
	_, err := s.run(t)
	require.NoError(t, err)
	require.Equal(t, []string{"begin", "page", "page", "page", "commit"}, s.calls)
}

func TestAPageIsReadAgainWhileItsHostFails(t *testing.T) {
	t.Parallel()
	s := newSweepStage(reading(1), complete)
	failures := 0
	s.fails = func(call string) error {
		if call == "page" && failures < 3 {
			failures++
			return temporal.NewApplicationError("503", "Error")
		}
		return nil
	}
	_, err := s.run(t)
	require.NoError(t, err)
	require.Equal(t, []string{"begin", "page", "page", "page", "page", "page", "commit"}, s.calls)
}

func TestASweepWhoseHostFailsForGoodChangesNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fails error
		pages int
	}{
		"again and again": {temporal.NewApplicationError("503 from the host", "Error"), 8},
		"for good":        {temporal.NewNonRetryableApplicationError("the token is not valid", "NotAllowedError", nil), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSweepStage()
			s.fails = func(call string) error {
				if call == "page" {
					return test.fails
				}
				return nil
			}
			_, err := s.run(t)
			var failed *temporal.ApplicationError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, workflows.ErrorSweepFailed, failed.Type())
			require.Len(t, s.calls, test.pages+2)
			require.Equal(t, "end failed", s.calls[len(s.calls)-1])
			require.ErrorContains(t, test.fails, s.ended.Failure.Message)
		})
	}
}

// TestASweepWaitsAsLongAsItsHostAsks by a timer, which holds no worker.
func TestASweepWaitsAsLongAsItsHostAsks(t *testing.T) {
	t.Parallel()
	limited := reading(1)
	limited.Wait, limited.WaitReason = 20*time.Minute, "the rate limit of github.com is used up"
	s := newSweepStage(limited, limited, complete)
	took, err := s.run(t)
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, 40*time.Minute)
	require.Equal(t, []string{"begin", "page", "page", "page", "commit"}, s.calls)
}

func TestASweepEndsAtItsDeadline(t *testing.T) {
	t.Parallel()
	limited := reading(1)
	limited.Wait = 50 * time.Minute
	s := newSweepStage(limited, limited, limited)
	took, err := s.run(t)
	require.ErrorContains(t, err, "had not read everything when its timeout was over")
	require.Equal(t, time.Hour, took.Round(time.Second))
	require.Equal(t, "TimeoutError", s.ended.Failure.Name)
	require.Equal(t, []string{"begin", "page", "page", "end failed"}, s.calls)
}

func TestASweepWaitsForADecision(t *testing.T) {
	t.Parallel()
	waiting := sweep.Progress{State: sweep.Waiting, Removed: 500}
	for name, test := range map[string]struct {
		// state is what the record says after a decision, "" without one.
		state sweep.State
		calls []string
		took  time.Duration
	}{
		"it is approved": {sweep.Approved, []string{"begin", "page", "commit", "begin", "commit"}, 48 * time.Hour},
		"it is dropped":  {sweep.Dropped, []string{"begin", "page", "commit", "begin"}, 48 * time.Hour},
		"nobody decides": {"", []string{"begin", "page", "commit", "end dropped"}, 7 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSweepStage(complete, waiting)
			if test.state != "" {
				s.environment.RegisterDelayedCallback(func() {
					s.now.State = test.state
					s.environment.SignalWorkflow(sweep.SignalWake, nil)
				}, 48*time.Hour)
			}
			took, err := s.run(t)
			require.NoError(t, err)
			require.Equal(t, test.calls, s.calls)
			require.Equal(t, test.took, took.Round(time.Hour))
		})
	}
}

// TestACancelledSweepStops whether it reads, waits for its host or waits for a person, and whoever cancels it.
func TestACancelledSweepStops(t *testing.T) {
	t.Parallel()
	limited := reading(1)
	limited.Wait = 30 * time.Minute
	for name, answer := range map[string]sweep.Progress{"while its host asks to wait": limited, "while it waits for a person": {State: sweep.Waiting}} {
		t.Run("in Portico, "+name, func(t *testing.T) {
			t.Parallel()
			s := newSweepStage(answer)
			s.environment.RegisterDelayedCallback(func() {
				s.now.State = sweep.Cancelled
				s.environment.SignalWorkflow(sweep.SignalWake, nil)
			}, time.Minute)
			took, err := s.run(t)
			var cancelled *temporal.CanceledError
			require.ErrorAs(t, err, &cancelled)
			require.Equal(t, []string{"begin", "page", "begin"}, s.calls)
			require.Equal(t, time.Minute, took.Round(time.Minute))
		})
		t.Run("in Temporal, "+name, func(t *testing.T) {
			t.Parallel()
			s := newSweepStage(answer)
			s.environment.RegisterDelayedCallback(s.environment.CancelWorkflow, time.Minute)
			_, err := s.run(t)
			var cancelled *temporal.CanceledError
			require.ErrorAs(t, err, &cancelled)
			require.Equal(t, []string{"begin", "page", "end cancelled"}, s.calls)
		})
	}
}

// TestALongSweepContinuesAsNew and finds on the record where it was.
func TestALongSweepContinuesAsNew(t *testing.T) {
	t.Parallel()
	s := newSweepStage(reading(1), reading(2), complete)
	s.fails = func(call string) error {
		s.environment.SetContinueAsNewSuggested(len(s.calls) == 3)
		return nil
	}
	_, err := s.run(t)
	var asNew *workflow.ContinueAsNewError
	require.ErrorAs(t, err, &asNew)
	var command sweep.Command
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(asNew.Input, &command))
	require.Equal(t, sweep.Command{Source: "github-provider:acme"}, command)
	require.Equal(t, []string{"begin", "page", "page"}, s.calls)
}
