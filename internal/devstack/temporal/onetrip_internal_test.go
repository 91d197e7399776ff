package temporal

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	enumsspb "go.temporal.io/server/api/enums/v1"
	persistencespb "go.temporal.io/server/api/persistence/v1"
	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/common/persistence/serialization"
	"go.temporal.io/server/service/history/tasks"
	"google.golang.org/protobuf/proto"
)

func TestOneTripWritesWhatTemporalsStoreWrites(t *testing.T) {
	t.Parallel()
	ours, theirs := newExecutionStore(t), newExecutionStore(t)
	created := newPlainRun(t)
	ended := ending(t, created)

	written, err := ours.oneTrip.create(t.Context(), created)
	require.NoError(t, err)
	require.True(t, written)
	_, err = theirs.ExecutionStore.CreateWorkflowExecution(t.Context(), created)
	require.NoError(t, err)
	require.Equal(t, rows(t, theirs), rows(t, ours), "of a new run")

	written, err = ours.oneTrip.update(t.Context(), ended)
	require.NoError(t, err)
	require.True(t, written)
	require.NoError(t, theirs.ExecutionStore.UpdateWorkflowExecution(t.Context(), ended))
	require.Equal(t, rows(t, theirs), rows(t, ours), "of a run that has ended")
}

func TestARunIsNotCreatedAgainstTheConditions(t *testing.T) {
	t.Parallel()
	for name, condition := range map[string]struct {
		request func(*persistence.InternalCreateWorkflowExecutionRequest)
		refusal any
	}{
		"the shard is another server's": {
			func(r *persistence.InternalCreateWorkflowExecutionRequest) { r.RangeID++ }, new(*persistence.ShardOwnershipLostError)},
		"the workflow has a current run": {
			func(r *persistence.InternalCreateWorkflowExecutionRequest) {
				r.NewWorkflowSnapshot.RunID = uuid.NewString()
				r.NewWorkflowSnapshot.ExecutionState.RunId = r.NewWorkflowSnapshot.RunID
			}, new(*persistence.CurrentWorkflowConditionFailedError)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newExecutionStore(t)
			request := newPlainRun(t)
			_, err := store.CreateWorkflowExecution(t.Context(), request)
			require.NoError(t, err)
			before := rows(t, store)

			condition.request(request)
			written, err := store.oneTrip.create(t.Context(), request)
			require.NoError(t, err)
			require.False(t, written)
			require.Equal(t, before, rows(t, store))
			_, err = store.CreateWorkflowExecution(t.Context(), request)
			require.ErrorAs(t, err, condition.refusal, "Temporal's store says why")
		})
	}
}

func TestARunIsNotChangedAgainstTheConditions(t *testing.T) {
	t.Parallel()
	for name, condition := range map[string]struct {
		request func(*persistence.InternalUpdateWorkflowExecutionRequest)
		refusal any
	}{
		"the shard is another server's": {
			func(r *persistence.InternalUpdateWorkflowExecutionRequest) { r.RangeID++ }, new(*persistence.ShardOwnershipLostError)},
		"the run was changed meanwhile": {
			func(r *persistence.InternalUpdateWorkflowExecutionRequest) {
				r.UpdateWorkflowMutation.DBRecordVersion++
			},
			new(*persistence.WorkflowConditionFailedError)},
		"the workflow has another run": {
			func(r *persistence.InternalUpdateWorkflowExecutionRequest) {
				r.UpdateWorkflowMutation.ExecutionState.RunId = uuid.NewString()
			}, new(*persistence.CurrentWorkflowConditionFailedError)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newExecutionStore(t)
			created := newPlainRun(t)
			_, err := store.CreateWorkflowExecution(t.Context(), created)
			require.NoError(t, err)
			before := rows(t, store)

			request := ending(t, created)
			condition.request(request)
			written, err := store.oneTrip.update(t.Context(), request)
			require.NoError(t, err)
			require.False(t, written)
			require.Equal(t, before, rows(t, store))
			require.ErrorAs(t, store.UpdateWorkflowExecution(t.Context(), request), condition.refusal, "Temporal's store says why")
		})
	}
}

func TestOnlyPlainWritingsTakeOneTrip(t *testing.T) {
	t.Parallel()
	created := newPlainRun(t)
	require.True(t, isPlainSnapshot(&created.NewWorkflowSnapshot))
	for _, field := range fieldsNotWritten[persistence.InternalWorkflowSnapshot]() {
		snapshot := created.NewWorkflowSnapshot
		fill(reflect.ValueOf(&snapshot).Elem().FieldByIndex(field.Index))
		require.False(t, isPlainSnapshot(&snapshot), field.Name)
	}
	ended := ending(t, created)
	require.True(t, isPlainMutation(&ended.UpdateWorkflowMutation))
	for _, field := range fieldsNotWritten[persistence.InternalWorkflowMutation]() {
		mutation := ended.UpdateWorkflowMutation
		fill(reflect.ValueOf(&mutation).Elem().FieldByIndex(field.Index))
		require.False(t, isPlainMutation(&mutation), field.Name)
	}
	replicated := map[tasks.Category][]persistence.InternalHistoryTask{tasks.CategoryReplication: {{Blob: blob("task")}}}
	require.False(t, arePlainTasks(replicated))
}

// fieldsNotWritten are all but those that oneTrip writes and those that no SQL store does: those too that a new version of Temporal adds.
func fieldsNotWritten[T any]() []reflect.StructField {
	written := []string{"NamespaceID", "WorkflowID", "RunID", "ExecutionInfo", "ExecutionInfoBlob", "ExecutionState", "ExecutionStateBlob",
		"NextEventID", "StartVersion", "LastWriteVersion", "DBRecordVersion", "Tasks", "Condition", "Checksum"}
	return slices.DeleteFunc(reflect.VisibleFields(reflect.TypeFor[T]()), func(field reflect.StructField) bool {
		return slices.Contains(written, field.Name)
	})
}

// fill gives a field something that is not nothing.
func fill(field reflect.Value) {
	switch field.Kind() {
	case reflect.Map:
		field.Set(reflect.MakeMap(field.Type()))
		field.SetMapIndex(reflect.Zero(field.Type().Key()), reflect.Zero(field.Type().Elem()))
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
	case reflect.Bool:
		field.SetBool(true)
	default:
		panic("no idea how to fill a " + field.Kind().String())
	}
}

// rows are all rows of the tables that a run is written to, as text.
func rows(t *testing.T, store executionStore) []string {
	t.Helper()
	var all []string
	for _, table := range []string{"current_executions", "executions", "history_node", "history_tree", "transfer_tasks", "timer_tasks",
		"visibility_tasks", "history_immediate_tasks", "history_scheduled_tasks"} {
		found, err := store.oneTrip.pool.Query(t.Context(), fmt.Sprintf("select '%[1]s ' || r::text from %[1]s r order by 1", table))
		require.NoError(t, err)
		texts, err := pgx.CollectRows(found, pgx.RowTo[string])
		require.NoError(t, err)
		all = append(all, texts...)
	}
	return all
}

// newPlainRun is a run as most are created: with a history, and something for each of the queues.
func newPlainRun(t *testing.T) *persistence.InternalCreateWorkflowExecutionRequest {
	t.Helper()
	request := newRun(nil)
	snapshot := &request.NewWorkflowSnapshot
	request.NewWorkflowSnapshot = persistence.InternalWorkflowSnapshot{
		NamespaceID: snapshot.NamespaceID, WorkflowID: snapshot.WorkflowID, RunID: snapshot.RunID, NextEventID: 4, LastWriteVersion: 7,
		DBRecordVersion: 1, ExecutionInfoBlob: snapshot.ExecutionInfoBlob, ExecutionState: snapshot.ExecutionState,
		ExecutionStateBlob: encodedState(t, snapshot.ExecutionState), Tasks: plainTasks(10),
	}
	request.NewWorkflowNewEvents = []*persistence.InternalAppendHistoryNodesRequest{newEvents(1, true), newEvents(2, false)}
	return request
}

// ending is the change that ends a run.
func ending(t *testing.T, created *persistence.InternalCreateWorkflowExecutionRequest) *persistence.InternalUpdateWorkflowExecutionRequest {
	t.Helper()
	run := &created.NewWorkflowSnapshot
	state := proto.CloneOf(run.ExecutionState)
	state.State, state.Status = enumsspb.WORKFLOW_EXECUTION_STATE_COMPLETED, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	return &persistence.InternalUpdateWorkflowExecutionRequest{ShardID: created.ShardID, RangeID: created.RangeID,
		Mode: persistence.UpdateWorkflowModeUpdateCurrent, ArchetypeID: created.ArchetypeID,
		UpdateWorkflowMutation: persistence.InternalWorkflowMutation{
			NamespaceID: run.NamespaceID, WorkflowID: run.WorkflowID, RunID: run.RunID, NextEventID: 9, LastWriteVersion: 8, DBRecordVersion: 2,
			ExecutionInfoBlob: blob("changed"), ExecutionState: state, ExecutionStateBlob: encodedState(t, state), Tasks: plainTasks(20),
		},
		UpdateWorkflowNewEvents: []*persistence.InternalAppendHistoryNodesRequest{newEvents(4, false)},
	}
}

func encodedState(t *testing.T, state *persistencespb.WorkflowExecutionState) *commonpb.DataBlob {
	t.Helper()
	encoded, err := serialization.NewSerializer().WorkflowExecutionStateToBlob(state)
	require.NoError(t, err)
	return encoded
}

// newEvents are a piece of a history from an event on.
func newEvents(from int64, isNewBranch bool) *persistence.InternalAppendHistoryNodesRequest {
	branch := &persistencespb.HistoryBranch{TreeId: uuid.NewString(), BranchId: uuid.NewString()}
	return &persistence.InternalAppendHistoryNodesRequest{ShardID: shard, IsNewBranch: isNewBranch, BranchInfo: branch, TreeInfo: blob("tree"),
		Node: persistence.InternalHistoryNode{NodeID: from, TransactionID: 100 + from, PrevTransactionID: 99, Events: blob("events")}}
}

// plainTasks are two tasks of each kind, numbered from first on.
func plainTasks(first int64) map[tasks.Category][]persistence.InternalHistoryTask {
	all := map[tasks.Category][]persistence.InternalHistoryTask{}
	for i, category := range []tasks.Category{tasks.CategoryTransfer, tasks.CategoryTimer, tasks.CategoryVisibility} {
		for n := range int64(2) {
			key := tasks.NewKey(time.Now().Add(time.Hour), first+int64(i)+n)
			all[category] = append(all[category], persistence.InternalHistoryTask{Key: key, Blob: blob(category.Name())})
		}
	}
	return all
}
