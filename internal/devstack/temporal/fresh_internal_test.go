package temporal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	enumsspb "go.temporal.io/server/api/enums/v1"
	persistencespb "go.temporal.io/server/api/persistence/v1"
	"go.temporal.io/server/chasm"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/common/persistence/serialization"
	"go.temporal.io/server/common/resolver"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portico-dev/portico/internal/testkit"
)

const shard = 1

func TestAFreshRunEqualsTheDatabases(t *testing.T) {
	t.Parallel()
	store := newExecutionStore(t)
	created := newRun(map[string]struct{}{"told": {}})
	// The SQL store encodes the state again, in the same way.
	encoded, err := serialization.NewSerializer().WorkflowExecutionStateToBlob(created.NewWorkflowSnapshot.ExecutionState)
	require.NoError(t, err)
	created.NewWorkflowSnapshot.ExecutionStateBlob = encoded
	_, err = store.CreateWorkflowExecution(t.Context(), created)
	require.NoError(t, err)

	unreachable := executionStore{ExecutionStore: refusing{}, fresh: store.fresh}
	remembered, err := unreachable.GetWorkflowExecution(t.Context(), reading(created))
	require.NoError(t, err)
	stored, err := store.GetWorkflowExecution(t.Context(), reading(created))
	require.NoError(t, err)
	require.Equal(t, stored, remembered)
}

func TestARunIsCachedUntilItIsWritten(t *testing.T) {
	t.Parallel()
	run := newRun(nil)
	snapshot := run.NewWorkflowSnapshot
	mutation := persistence.InternalWorkflowMutation{NamespaceID: snapshot.NamespaceID, WorkflowID: snapshot.WorkflowID, RunID: snapshot.RunID}
	for name, write := range map[string]func(context.Context, executionStore) error{
		"updated": func(ctx context.Context, s executionStore) error {
			return s.UpdateWorkflowExecution(ctx, &persistence.InternalUpdateWorkflowExecutionRequest{UpdateWorkflowMutation: mutation})
		},
		"reset": func(ctx context.Context, s executionStore) error {
			return s.ConflictResolveWorkflowExecution(ctx, &persistence.InternalConflictResolveWorkflowExecutionRequest{ResetWorkflowSnapshot: snapshot})
		},
		"ended by a reset of another": func(ctx context.Context, s executionStore) error {
			return s.ConflictResolveWorkflowExecution(ctx, &persistence.InternalConflictResolveWorkflowExecutionRequest{CurrentWorkflowMutation: &mutation})
		},
		"set": func(ctx context.Context, s executionStore) error {
			return s.SetWorkflowExecution(ctx, &persistence.InternalSetWorkflowExecutionRequest{SetWorkflowSnapshot: snapshot})
		},
		"deleted": func(ctx context.Context, s executionStore) error {
			return s.DeleteWorkflowExecution(ctx, &persistence.DeleteWorkflowExecutionRequest{
				NamespaceID: snapshot.NamespaceID, WorkflowID: snapshot.WorkflowID, RunID: snapshot.RunID})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := executionStore{ExecutionStore: refusing{}, fresh: newFreshRuns()}
			store.fresh.Remember(keyOf(&snapshot), asRead(&snapshot))
			require.ErrorIs(t, write(t.Context(), store), errRefused, "whether it was written is not known")
			_, err := store.GetWorkflowExecution(t.Context(), reading(run))
			require.ErrorIs(t, err, errRefused, "so it is read")
		})
	}
}

func TestARunThatWasNotCreatedIsNotCached(t *testing.T) {
	t.Parallel()
	store := executionStore{ExecutionStore: refusing{}, fresh: newFreshRuns()}
	refused := newRun(nil)
	_, err := store.CreateWorkflowExecution(t.Context(), refused)
	require.ErrorIs(t, err, errRefused)
	_, err = store.GetWorkflowExecution(t.Context(), reading(refused))
	require.ErrorIs(t, err, errRefused)
}

var errRefused = errors.New("refused")

// refusing is a store that cannot be reached.
type refusing struct{ persistence.ExecutionStore }

func (refusing) CreateWorkflowExecution(context.Context, *persistence.InternalCreateWorkflowExecutionRequest,
) (*persistence.InternalCreateWorkflowExecutionResponse, error) {
	return nil, errRefused
}

func (refusing) GetWorkflowExecution(context.Context, *persistence.GetWorkflowExecutionRequest) (*persistence.InternalGetWorkflowExecutionResponse, error) {
	return nil, errRefused
}

func (refusing) UpdateWorkflowExecution(context.Context, *persistence.InternalUpdateWorkflowExecutionRequest) error {
	return errRefused
}

func (refusing) ConflictResolveWorkflowExecution(context.Context, *persistence.InternalConflictResolveWorkflowExecutionRequest) error {
	return errRefused
}

func (refusing) SetWorkflowExecution(context.Context, *persistence.InternalSetWorkflowExecutionRequest) error {
	return errRefused
}

func (refusing) DeleteWorkflowExecution(context.Context, *persistence.DeleteWorkflowExecutionRequest) error {
	return errRefused
}

// newExecutionStore is the store that Temporal uses, on its own database with one shard.
func newExecutionStore(t *testing.T) executionStore {
	t.Helper()
	beside := testkit.Database(t).Config()
	opened, err := openStore(t.Context(), beside.ConnString(), beside.ConnConfig.Database+"_temporal", executionSchema)
	require.NoError(t, err)
	t.Cleanup(opened.pool.Close)
	factory := storeFactory{opened, newFreshRuns()}.NewFactory(config.CustomDatastoreConfig{}, resolver.NewNoopResolver(), clusterName,
		log.NewNoopLogger(), metrics.NoopMetricsHandler, serialization.NewSerializer())
	t.Cleanup(factory.Close)

	shards, err := factory.NewShardStore()
	require.NoError(t, err)
	_, err = shards.GetOrCreateShard(t.Context(), &persistence.InternalGetOrCreateShardRequest{ShardID: shard,
		CreateShardInfo: func() (int64, *commonpb.DataBlob, error) { return 1, blob("shard"), nil }})
	require.NoError(t, err)
	executions, err := factory.NewExecutionStore()
	require.NoError(t, err)
	return executions.(executionStore)
}

// newRun is a run with a value in every part of a new state.
func newRun(signals map[string]struct{}) *persistence.InternalCreateWorkflowExecutionRequest {
	runID := uuid.NewString()
	return &persistence.InternalCreateWorkflowExecutionRequest{ShardID: shard, RangeID: 1, Mode: persistence.CreateWorkflowModeBrandNew, ArchetypeID: chasm.WorkflowArchetypeID,
		NewWorkflowSnapshot: persistence.InternalWorkflowSnapshot{
			NamespaceID: uuid.NewString(), WorkflowID: "workflow", RunID: runID, NextEventID: 4, DBRecordVersion: 1,
			ExecutionInfo:     &persistencespb.WorkflowExecutionInfo{},
			ExecutionInfoBlob: blob("info"),
			ExecutionState: &persistencespb.WorkflowExecutionState{RunId: runID, CreateRequestId: "request", StartTime: timestamppb.New(time.Now()),
				State: enumsspb.WORKFLOW_EXECUTION_STATE_RUNNING, Status: enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING},
			ExecutionStateBlob:  blob("state"),
			ActivityInfos:       map[int64]*commonpb.DataBlob{5: blob("activity")},
			TimerInfos:          map[string]*commonpb.DataBlob{"timer": blob("timer")},
			ChildExecutionInfos: map[int64]*commonpb.DataBlob{6: blob("child")},
			RequestCancelInfos:  map[int64]*commonpb.DataBlob{7: blob("cancel")},
			SignalInfos:         map[int64]*commonpb.DataBlob{8: blob("signal")},
			ChasmNodes:          map[string]persistence.InternalChasmNode{"node": {Metadata: blob("metadata"), Data: blob("data")}},
			SignalRequestedIDs:  signals,
		}}
}

func blob(text string) *commonpb.DataBlob {
	return &commonpb.DataBlob{EncodingType: enumspb.ENCODING_TYPE_PROTO3, Data: []byte(text)}
}

func reading(created *persistence.InternalCreateWorkflowExecutionRequest) *persistence.GetWorkflowExecutionRequest {
	of := created.NewWorkflowSnapshot
	return &persistence.GetWorkflowExecutionRequest{ShardID: created.ShardID, NamespaceID: of.NamespaceID, WorkflowID: of.WorkflowID, RunID: of.RunID}
}
