package temporal

import (
	"context"
	"maps"
	"slices"
	"time"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/persistence"
	"go.temporal.io/server/common/persistence/serialization"
	"go.temporal.io/server/common/persistence/sql"
	"go.temporal.io/server/common/resolver"

	"github.com/portico-dev/portico/recall"
)

const (
	// maxFresh bounds the remembered states, of some 2 kB each. Those of a burst are read within
	// milliseconds.
	maxFresh = 1000
	// freshFor is how long an unread state is remembered.
	freshFor = 10 * time.Second
)

// freshRuns are the states of runs that were written once and not read yet.
type freshRuns = recall.Memory[runKey, *persistence.InternalWorkflowMutableState]

func newFreshRuns() *freshRuns {
	return recall.New[runKey, *persistence.InternalWorkflowMutableState](maxFresh, freshFor)
}

// storeFactory creates Temporal's SQL stores, which share the memory of fresh runs.
type storeFactory struct {
	executions *store
	fresh      *freshRuns
}

// NewFactory implements client.AbstractDataStoreFactory.
func (f storeFactory) NewFactory(_ config.CustomDatastoreConfig, services resolver.ServiceResolver, clusterName string, log log.Logger,
	metrics metrics.Handler, serializer serialization.Serializer,
) persistence.DataStoreFactory {
	stores := sql.NewFactory(*f.executions.config(), services, clusterName, log, metrics, serializer)
	return dataStores{stores, f.fresh}
}

type dataStores struct {
	persistence.DataStoreFactory
	fresh *freshRuns
}

func (s dataStores) NewExecutionStore() (persistence.ExecutionStore, error) {
	store, err := s.DataStoreFactory.NewExecutionStore()
	if err != nil {
		return nil, err
	}
	return executionStore{store, s.fresh}, nil
}

// executionStore serves the first read of a run from memory. Temporal gives the first task of a run to the
// worker that started it, and drops the state that it has just written. Milliseconds later, when the task is
// done, it would read that back with nine statements. Only this server writes these tables, so a state is
// current until this store writes the run again.
type executionStore struct {
	persistence.ExecutionStore
	fresh *freshRuns
}

func (s executionStore) CreateWorkflowExecution(ctx context.Context, request *persistence.InternalCreateWorkflowExecutionRequest,
) (*persistence.InternalCreateWorkflowExecutionResponse, error) {
	response, err := s.ExecutionStore.CreateWorkflowExecution(ctx, request)
	if err != nil {
		return nil, err
	}
	s.fresh.Remember(keyOf(&request.NewWorkflowSnapshot), asRead(&request.NewWorkflowSnapshot))
	return response, nil
}

func (s executionStore) GetWorkflowExecution(ctx context.Context, request *persistence.GetWorkflowExecutionRequest,
) (*persistence.InternalGetWorkflowExecutionResponse, error) {
	if state, ok := s.fresh.Take(runKey{request.NamespaceID, request.WorkflowID, request.RunID}); ok {
		return &persistence.InternalGetWorkflowExecutionResponse{State: state, DBRecordVersion: state.DBRecordVersion}, nil
	}
	return s.ExecutionStore.GetWorkflowExecution(ctx, request)
}

func (s executionStore) UpdateWorkflowExecution(ctx context.Context, request *persistence.InternalUpdateWorkflowExecutionRequest) error {
	mutation := &request.UpdateWorkflowMutation
	s.fresh.Forget(runKey{mutation.NamespaceID, mutation.WorkflowID, mutation.RunID})
	return s.ExecutionStore.UpdateWorkflowExecution(ctx, request)
}

func (s executionStore) ConflictResolveWorkflowExecution(ctx context.Context,
	request *persistence.InternalConflictResolveWorkflowExecutionRequest,
) error {
	s.fresh.Forget(keyOf(&request.ResetWorkflowSnapshot))
	if current := request.CurrentWorkflowMutation; current != nil {
		s.fresh.Forget(runKey{current.NamespaceID, current.WorkflowID, current.RunID})
	}
	return s.ExecutionStore.ConflictResolveWorkflowExecution(ctx, request)
}

func (s executionStore) SetWorkflowExecution(ctx context.Context, request *persistence.InternalSetWorkflowExecutionRequest) error {
	s.fresh.Forget(keyOf(&request.SetWorkflowSnapshot))
	return s.ExecutionStore.SetWorkflowExecution(ctx, request)
}

func (s executionStore) DeleteWorkflowExecution(ctx context.Context, request *persistence.DeleteWorkflowExecutionRequest) error {
	s.fresh.Forget(runKey{request.NamespaceID, request.WorkflowID, request.RunID})
	return s.ExecutionStore.DeleteWorkflowExecution(ctx, request)
}

type runKey struct{ namespaceID, workflowID, runID string }

func keyOf(snapshot *persistence.InternalWorkflowSnapshot) runKey {
	return runKey{snapshot.NamespaceID, snapshot.WorkflowID, snapshot.RunID}
}

// asRead converts the written state of a new run into the form in which it is read.
func asRead(written *persistence.InternalWorkflowSnapshot) *persistence.InternalWorkflowMutableState {
	return &persistence.InternalWorkflowMutableState{
		ExecutionInfo:       written.ExecutionInfoBlob,
		ExecutionState:      written.ExecutionStateBlob,
		NextEventID:         written.NextEventID,
		DBRecordVersion:     written.DBRecordVersion,
		ActivityInfos:       written.ActivityInfos,
		TimerInfos:          written.TimerInfos,
		ChildExecutionInfos: written.ChildExecutionInfos,
		RequestCancelInfos:  written.RequestCancelInfos,
		SignalInfos:         written.SignalInfos,
		ChasmNodes:          written.ChasmNodes,
		SignalRequestedIDs:  slices.Collect(maps.Keys(written.SignalRequestedIDs)),
	}
}
