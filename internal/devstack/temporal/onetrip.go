package temporal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	persistencespb "go.temporal.io/server/api/persistence/v1"
	"go.temporal.io/server/chasm"
	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/service/history/tasks"
)

// oneTrip writes the state of a run in one statement. Temporal's SQL store takes a dozen to create a run and another to change it, one
// after the other, and PostgreSQL spends more on the coming and going of each than on its work: a quarter of all that a short run costs.
//
// It knows the two writings that most are: a new run, and a change of the current one that touches no activity, timer, signal or
// child. It writes what Temporal's store would, under the same conditions, or nothing: then Temporal's store is asked, which writes it,
// or knows why not. No new version of Temporal makes this wrong unnoticed: a test compares all that both write.
type oneTrip struct{ pool *pgxpool.Pool }

// create writes a new run. It answers false when it has written nothing and Temporal's store has to.
func (w oneTrip) create(ctx context.Context, request *persistence.InternalCreateWorkflowExecutionRequest) (bool, error) {
	snapshot := &request.NewWorkflowSnapshot
	if request.Mode != persistence.CreateWorkflowModeBrandNew || request.PreviousRunID != "" ||
		request.ArchetypeID != chasm.WorkflowArchetypeID || !isPlainSnapshot(snapshot) {
		return false, nil
	}
	return w.write(ctx, createRun, request.ShardID, request.RangeID, writing{
		namespaceID: snapshot.NamespaceID, workflowID: snapshot.WorkflowID,
		info: snapshot.ExecutionInfoBlob, state: snapshot.ExecutionState, stateBlob: snapshot.ExecutionStateBlob,
		nextEventID: snapshot.NextEventID, lastWriteVersion: snapshot.LastWriteVersion, recordVersion: snapshot.DBRecordVersion,
		events: request.NewWorkflowNewEvents, tasks: snapshot.Tasks,
	})
}

// update writes a change of a run. It answers false when it has written nothing and Temporal's store has to.
func (w oneTrip) update(ctx context.Context, request *persistence.InternalUpdateWorkflowExecutionRequest) (bool, error) {
	mutation := &request.UpdateWorkflowMutation
	if request.Mode != persistence.UpdateWorkflowModeUpdateCurrent || request.ArchetypeID != chasm.WorkflowArchetypeID ||
		request.NewWorkflowSnapshot != nil || len(request.NewWorkflowNewEvents) > 0 || !isPlainMutation(mutation) {
		return false, nil
	}
	return w.write(ctx, updateRun, request.ShardID, request.RangeID, writing{
		namespaceID: mutation.NamespaceID, workflowID: mutation.WorkflowID,
		info: mutation.ExecutionInfoBlob, state: mutation.ExecutionState, stateBlob: mutation.ExecutionStateBlob,
		nextEventID: mutation.NextEventID, lastWriteVersion: mutation.LastWriteVersion, recordVersion: mutation.DBRecordVersion,
		events: request.UpdateWorkflowNewEvents, tasks: mutation.Tasks,
	})
}

// isPlainSnapshot says that a new run has nothing but its state and its tasks.
func isPlainSnapshot(s *persistence.InternalWorkflowSnapshot) bool {
	return len(s.ActivityInfos)+len(s.TimerInfos)+len(s.ChildExecutionInfos)+len(s.RequestCancelInfos)+len(s.SignalInfos)+
		len(s.ChasmNodes)+len(s.SignalRequestedIDs) == 0 && arePlainTasks(s.Tasks)
}

// isPlainMutation says that a change is one of the state, with tasks, and of nothing else.
func isPlainMutation(m *persistence.InternalWorkflowMutation) bool {
	upserts := len(m.UpsertActivityInfos) + len(m.UpsertTimerInfos) + len(m.UpsertChildExecutionInfos) + len(m.UpsertRequestCancelInfos) +
		len(m.UpsertSignalInfos) + len(m.UpsertChasmNodes) + len(m.UpsertSignalRequestedIDs)
	deletes := len(m.DeleteActivityInfos) + len(m.DeleteTimerInfos) + len(m.DeleteChildExecutionInfos) + len(m.DeleteRequestCancelInfos) +
		len(m.DeleteSignalInfos) + len(m.DeleteChasmNodes) + len(m.DeleteSignalRequestedIDs)
	return upserts+deletes == 0 && m.NewBufferedEvents == nil && !m.ClearBufferedEvents && m.DBRecordVersion > 0 && arePlainTasks(m.Tasks)
}

func arePlainTasks(all map[tasks.Category][]persistence.InternalHistoryTask) bool {
	for category, some := range all {
		switch category {
		case tasks.CategoryTransfer, tasks.CategoryTimer, tasks.CategoryVisibility:
		default:
			if len(some) > 0 {
				return false
			}
		}
	}
	return true
}

// writing is what both kinds write.
type writing struct {
	namespaceID, workflowID                      string
	info, stateBlob                              *commonpb.DataBlob
	state                                        *persistencespb.WorkflowExecutionState
	nextEventID, lastWriteVersion, recordVersion int64
	events                                       []*persistence.InternalAppendHistoryNodesRequest
	tasks                                        map[tasks.Category][]persistence.InternalHistoryTask
}

// write sends the statement. What PostgreSQL refuses is not written, and Temporal's store may say why; of what broke off otherwise
// nobody knows whether it is.
func (w oneTrip) write(ctx context.Context, statement string, shardID int32, rangeID int64, what writing) (bool, error) {
	arguments, err := what.arguments(shardID, rangeID)
	if err != nil {
		return false, fmt.Errorf("write run %s: %w", what.workflowID, err)
	}
	var written bool
	err = w.pool.QueryRow(ctx, statement, arguments...).Scan(&written)
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return false, nil
	}
	if err != nil {
		return false, serviceerror.NewUnavailablef("write run %s: %v", what.workflowID, err)
	}
	return written, nil
}

// arguments are those of createRun and updateRun, in the order of their numbers.
func (what writing) arguments(shardID int32, rangeID int64) ([]any, error) {
	var ids parsedIDs
	arguments := []any{shardID, rangeID, ids.parse(what.namespaceID), what.workflowID, ids.parse(what.state.GetRunId()),
		what.state.GetCreateRequestId(), int32(what.state.GetState()), int32(what.state.GetStatus()), startTime(what.state),
		what.lastWriteVersion, what.stateBlob.GetData(), what.stateBlob.GetEncodingType().String(),
		what.nextEventID, what.info.GetData(), what.info.GetEncodingType().String(), what.recordVersion}
	arguments = append(arguments, nodes(what.events, &ids)...)
	arguments = append(arguments, trees(what.events, &ids)...)
	for _, category := range []tasks.Category{tasks.CategoryTransfer, tasks.CategoryVisibility, tasks.CategoryTimer} {
		arguments = append(arguments, taskRows(what.tasks[category])...)
	}
	return append(arguments, fireTimes(what.tasks[tasks.CategoryTimer])), ids.err
}

func startTime(state *persistencespb.WorkflowExecutionState) *time.Time {
	if state.GetStartTime() == nil {
		return nil
	}
	return new(state.GetStartTime().AsTime())
}

// nodes are pieces of the history, by column. The newest transaction comes first in the table: its id is negated.
func nodes(events []*persistence.InternalAppendHistoryNodesRequest, ids *parsedIDs) []any {
	var (
		tree, branch                [][]byte
		node, previous, transaction []int64
		rows                        blobs
	)
	for _, event := range events {
		tree, branch = append(tree, ids.parse(event.BranchInfo.GetTreeId())), append(branch, ids.parse(event.BranchInfo.GetBranchId()))
		node = append(node, event.Node.NodeID)
		previous, transaction = append(previous, event.Node.PrevTransactionID), append(transaction, -event.Node.TransactionID)
		rows.add(event.Node.Events)
	}
	return []any{tree, branch, node, previous, transaction, rows.data, rows.encodings}
}

// trees are the histories that begin, by column.
func trees(events []*persistence.InternalAppendHistoryNodesRequest, ids *parsedIDs) []any {
	var (
		tree, branch [][]byte
		rows         blobs
	)
	for _, event := range events {
		if event.IsNewBranch {
			tree, branch = append(tree, ids.parse(event.BranchInfo.GetTreeId())), append(branch, ids.parse(event.BranchInfo.GetBranchId()))
			rows.add(event.TreeInfo)
		}
	}
	return []any{tree, branch, rows.data, rows.encodings}
}

// taskRows are tasks, by column.
func taskRows(some []persistence.InternalHistoryTask) []any {
	var (
		taskIDs []int64
		rows    blobs
	)
	for _, task := range some {
		taskIDs = append(taskIDs, task.Key.TaskID)
		rows.add(task.Blob)
	}
	return []any{taskIDs, rows.data, rows.encodings}
}

func fireTimes(timers []persistence.InternalHistoryTask) []time.Time {
	var at []time.Time
	for _, timer := range timers {
		at = append(at, timer.Key.FireTime.UTC().Truncate(time.Microsecond))
	}
	return at
}

// blobs are the two columns in which Temporal keeps whatever it encodes.
type blobs struct {
	data      [][]byte
	encodings []string
}

func (b *blobs) add(one *commonpb.DataBlob) {
	b.data, b.encodings = append(b.data, one.GetData()), append(b.encodings, one.GetEncodingType().String())
}

// parsedIDs makes the bytes of ids and remembers the first that is none.
type parsedIDs struct{ err error }

func (p *parsedIDs) parse(text string) []byte {
	id, err := uuid.Parse(text)
	if p.err == nil {
		p.err = err
	}
	return id[:]
}

// owned is one row while the shard is this server's, and none when another has taken it. follows writes the history and the tasks
// when the row that the statement calls allowed is there.
const (
	owned = `owned as (
	select from shards where shard_id = $1::int and range_id = $2::bigint for share
)`
	follows = `nodes as (
	insert into history_node (shard_id, tree_id, branch_id, node_id, prev_txn_id, txn_id, data, data_encoding)
	select $1, n.* from allowed, unnest($17::bytea[], $18::bytea[], $19::bigint[], $20::bigint[], $21::bigint[], $22::bytea[], $23::text[]) as n
	on conflict (shard_id, tree_id, branch_id, node_id, txn_id) do update
	set prev_txn_id = excluded.prev_txn_id, data = excluded.data, data_encoding = excluded.data_encoding
), trees as (
	insert into history_tree (shard_id, tree_id, branch_id, data, data_encoding)
	select $1, t.* from allowed, unnest($24::bytea[], $25::bytea[], $26::bytea[], $27::text[]) as t
	on conflict (shard_id, tree_id, branch_id) do update set data = excluded.data, data_encoding = excluded.data_encoding
), transfers as (
	insert into transfer_tasks (shard_id, task_id, data, data_encoding)
	select $1, t.* from allowed, unnest($28::bigint[], $29::bytea[], $30::text[]) as t
), listings as (
	insert into visibility_tasks (shard_id, task_id, data, data_encoding)
	select $1, t.* from allowed, unnest($31::bigint[], $32::bytea[], $33::text[]) as t
), timers as (
	insert into timer_tasks (shard_id, task_id, data, data_encoding, visibility_timestamp)
	select $1, t.* from allowed, unnest($34::bigint[], $35::bytea[], $36::text[], $37::timestamp[]) as t
)
select exists (select from allowed)`

	createRun = `with ` + owned + `, allowed as (select from owned), current as (
	insert into current_executions (shard_id, namespace_id, workflow_id, run_id, create_request_id, state, status, start_time,
		last_write_version, data, data_encoding)
	select $1, $3::bytea, $4::text, $5::bytea, $6::text, $7::int, $8::int, $9::timestamp, $10::bigint, $11::bytea, $12::text from allowed
), execution as (
	insert into executions (shard_id, namespace_id, workflow_id, run_id, next_event_id, last_write_version, data, data_encoding,
		state, state_encoding, db_record_version)
	select $1, $3, $4, $5, $13::bigint, $10, $14::bytea, $15::text, $11, $12, $16::bigint from allowed
), ` + follows

	updateRun = `with ` + owned + `, allowed as (
	select from owned, current_executions c, executions e
	where c.shard_id = $1 and c.namespace_id = $3::bytea and c.workflow_id = $4::text and c.run_id = $5::bytea
	  and e.shard_id = $1 and e.namespace_id = $3 and e.workflow_id = $4 and e.run_id = $5 and e.db_record_version = $16::bigint - 1
	for update of c, e
), current as (
	update current_executions
	set create_request_id = $6::text, state = $7::int, status = $8::int, start_time = $9::timestamp, last_write_version = $10::bigint,
	    data = $11::bytea, data_encoding = $12::text
	from allowed where shard_id = $1 and namespace_id = $3 and workflow_id = $4
), execution as (
	update executions
	set next_event_id = $13::bigint, last_write_version = $10, data = $14::bytea, data_encoding = $15::text, state = $11, state_encoding = $12,
	    db_record_version = $16
	from allowed where shard_id = $1 and namespace_id = $3 and workflow_id = $4 and run_id = $5
), ` + follows
)
