package workflows

import (
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/portico-dev/portico/scaffolder/engine"
)

// Queue is a kind of work. Each has a task queue and workers with a limit of their own, so that much work of
// one kind leaves room for the other.
type Queue string

// The queues.
const (
	// QueueRuns is work that a person waits for.
	QueueRuns Queue = "runs"
	// QueueBackground is work that nobody waits for: sweeps, imports, deliveries.
	QueueBackground Queue = "background"
	// QueueDocs is builds of documentation, which need more memory and processor than other work.
	QueueDocs Queue = "docs"
)

// Queues are all queues.
var Queues = []Queue{QueueRuns, QueueBackground, QueueDocs}

// TaskQueue is the name of the queue in Temporal. The name is the configured one, which is the queue of runs.
func (q Queue) TaskQueue(name string) string {
	if q == QueueRuns {
		return name
	}
	return name + "-" + string(q)
}

// Priorities of tasks that wait in one queue; a smaller key goes first. Temporal's own default is 3.
var (
	priorityPerson     = temporal.Priority{PriorityKey: 2}
	priorityEvent      = temporal.Priority{PriorityKey: 3}
	priorityBackground = temporal.Priority{PriorityKey: 4}
)

// definition is one kind of workflow: all that is said of it outside of its own file.
type definition struct {
	// name is the workflow's type in Temporal.
	name string
	// function is the workflow. Its first parameter is a workflow.Context.
	function any
	queue    Queue
	// priority orders its tasks among those that wait in the same queue. Its activities have the same.
	priority temporal.Priority
	// taskTimeout is how soon a workflow task of a worker that died is given to another; 0 is Temporal's ten
	// seconds.
	taskTimeout time.Duration
}

// definitions is the one table of workflows.
var definitions = []definition{templateRun, discoverySweep, docsBuild}

// templateRun is the workflow behind a run of a template.
var templateRun = definition{name: engine.WorkflowTemplateRun, function: TemplateRun, queue: QueueRuns, priority: priorityPerson,
	taskTimeout: 5 * time.Second}

// startOptions are what every start of the workflow has in common, where the configured task queue has this
// name.
func (d definition) startOptions(id, taskQueue string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: id, TaskQueue: d.queue.TaskQueue(taskQueue), Priority: d.priority, WorkflowTaskTimeout: d.taskTimeout}
}

func (d definition) register(registry worker.WorkflowRegistry) {
	registry.RegisterWorkflowWithOptions(d.function, workflow.RegisterOptions{Name: d.name})
}

// Register makes a worker of a queue run its workflows.
func Register(registry worker.WorkflowRegistry, queue Queue) {
	for _, each := range definitions {
		if each.queue == queue {
			each.register(registry)
		}
	}
}
