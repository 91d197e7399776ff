package workflows_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs/build"
	"github.com/portico-dev/portico/workflows"
)

// docsStage replaces the activities of builds, and records all calls in order.
type docsStage struct {
	environment *testsuite.TestWorkflowEnvironment
	started     time.Time
	// requested is how many builds are asked for, one at first.
	requested int
	// builds are the answers of the builds; after the last one, they publish.
	builds []build.Progress
	// fails has an error for a call, nil for none; during happens while a build is under way.
	fails  func(call string) error
	during func()
	calls  []string
	ended  build.EndRequest
}

func newDocsStage(builds ...build.Progress) *docsStage {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	s := &docsStage{environment: newEnvironment(&suite), started: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), requested: 1, builds: builds}
	s.environment.SetStartTime(s.started)
	workflows.Register(s.environment, workflows.QueueDocs)
	for name, function := range map[string]any{
		build.ActivityBegin: func(build.BeginRequest) (build.Progress, error) {
			if s.requested == 0 {
				return build.Progress{}, s.call("begin nothing")
			}
			s.requested--
			return build.Progress{ID: uuid.New(), State: build.Waiting, Cause: build.ByPush}, s.call("begin")
		},
		build.ActivityBuild: func(build.Request) (build.Progress, error) {
			if err := s.call("build"); err != nil {
				return build.Progress{}, err
			}
			if s.during != nil {
				s.during()
			}
			answer := build.Progress{State: build.Building, Built: true, Pages: 3}
			if len(s.builds) > 0 {
				answer, s.builds = s.builds[0], s.builds[1:]
			}
			return answer, nil
		},
		build.ActivityIndex: func(build.Request) (build.Progress, error) {
			return build.Progress{IndexSeconds: 0.5}, s.call("index")
		},
		build.ActivityEnd: func(request build.EndRequest) (build.Progress, error) {
			s.ended = request
			return build.Progress{ID: request.ID, State: request.State, Failure: request.Failure}, s.call("end " + string(request.State))
		},
	} {
		s.environment.RegisterActivityWithOptions(function, activity.RegisterOptions{Name: name})
	}
	return s
}

func (s *docsStage) call(what string) error {
	s.calls = append(s.calls, what)
	if s.fails == nil {
		return nil
	}
	return s.fails(what)
}

// run runs the workflow and returns how long it took, and its error.
func (s *docsStage) run(t *testing.T) (took time.Duration, err error) {
	t.Helper()
	s.environment.ExecuteWorkflow(build.WorkflowDocsBuild, build.Command{Site: "component:default/shop"})
	require.True(t, s.environment.IsWorkflowCompleted())
	return s.environment.Now().Sub(s.started), s.environment.GetWorkflowError()
}

func TestASiteIsBuiltAndIndexed(t *testing.T) {
	t.Parallel()
	s := newDocsStage()
	_, err := s.run(t)
	require.NoError(t, err)
	require.Equal(t, []string{"begin", "build", "index", "end published", "begin nothing"}, s.calls)
	require.InDelta(t, 0.5, s.ended.IndexSeconds, 1e-9)
}

func TestWhatHasNotChangedIsNotIndexed(t *testing.T) {
	t.Parallel()
	s := newDocsStage(build.Progress{State: build.Building})
	_, err := s.run(t)
	require.NoError(t, err)
	require.Equal(t, []string{"begin", "build", "end unchanged", "begin nothing"}, s.calls)
}

func TestARequestDuringABuildIsAnotherBuild(t *testing.T) {
	t.Parallel()
	s := newDocsStage()
	asked := false
	s.during = func() {
		if asked {
			return
		}
		asked = true
		s.requested++
		for range 5 {
			s.environment.SignalWorkflow(build.SignalWake, nil)
		}
	}
	_, err := s.run(t)
	require.NoError(t, err)
	require.Equal(t, []string{"begin", "build", "index", "end published", "begin", "build", "index", "end published", "begin nothing"}, s.calls)
}

func TestAHostThatAsksToWaitIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newDocsStage(build.Progress{State: build.Building, Wait: time.Hour, WaitReason: "the rate limit of example.com was reached"})
	took, err := s.run(t)
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, time.Hour)
	require.Equal(t, []string{"begin", "build", "build", "index", "end published", "begin nothing"}, s.calls)
}

func TestABuildThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		at       string
		fails    error
		attempts int
		failure  string
	}{
		"what the author did wrong": {"build", temporal.NewNonRetryableApplicationError("mkdocs.yml:3: no such page", string(fault.Input), nil), 1, string(fault.Input)},
		"a host that fails":         {"build", temporal.NewApplicationError("503 from the host", "Error"), 6, "Error"},
		"an index that fails":       {"index", temporal.NewApplicationError("the database does not answer", "Error"), 6, "Error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newDocsStage()
			attempts := 0
			s.fails = func(call string) error {
				if call != test.at {
					return nil
				}
				attempts++
				return test.fails
			}
			_, err := s.run(t)
			require.Equal(t, test.attempts, attempts)
			require.Equal(t, build.Failed, s.ended.State)
			require.Equal(t, test.failure, s.ended.Failure.Name)
			var failed *temporal.ApplicationError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, workflows.ErrorDocsBuildFailed, failed.Type())
		})
	}
}

func TestABuildThatIsCancelledEnds(t *testing.T) {
	t.Parallel()
	s := newDocsStage(build.Progress{State: build.Building, Wait: time.Hour, WaitReason: "limited"})
	s.environment.RegisterDelayedCallback(s.environment.CancelWorkflow, time.Minute)
	_, err := s.run(t)
	require.Error(t, err)
	require.Equal(t, build.Failed, s.ended.State)
	require.Equal(t, "Cancelled", s.ended.Failure.Name)
}
