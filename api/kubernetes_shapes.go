package api

import (
	"github.com/portico-dev/portico/integration/kubernetes/workloads"
)

// kubernetesObjects are the objects of an entity, by clusters.
type kubernetesObjects struct {
	Items []clusterObjects `json:"items"`
}

type clusterObjects struct {
	Cluster    shownCluster     `json:"cluster"`
	Resources  []shownKind      `json:"resources"`
	PodMetrics []shownPodUsage  `json:"podMetrics"`
	Errors     []clusterFailure `json:"errors"`
}

type shownCluster struct {
	Name                string            `json:"name"`
	Title               string            `json:"title,omitempty"`
	DashboardURL        string            `json:"dashboardUrl,omitempty"`
	DashboardApp        string            `json:"dashboardApp,omitempty"`
	DashboardParameters map[string]string `json:"dashboardParameters,omitempty"`
}

type shownKind struct {
	Type      string           `json:"type"`
	Resources []map[string]any `json:"resources"`
}

type clusterFailure struct {
	ErrorType    string `json:"errorType"`
	StatusCode   int    `json:"statusCode,omitempty"`
	ResourcePath string `json:"resourcePath,omitempty"`
	Message      string `json:"message,omitempty"`
}

type shownPodUsage struct {
	Pod        map[string]any        `json:"pod"`
	CPU        shownUsage            `json:"cpu"`
	Memory     shownUsage            `json:"memory"`
	Containers []shownContainerUsage `json:"containers"`
}

type shownUsage struct {
	CurrentUsage float64 `json:"currentUsage"`
	RequestTotal float64 `json:"requestTotal"`
	LimitTotal   float64 `json:"limitTotal"`
}

type shownContainerUsage struct {
	Container   string     `json:"container"`
	CPUUsage    shownUsage `json:"cpuUsage"`
	MemoryUsage shownUsage `json:"memoryUsage"`
}

func shownObjects(found []workloads.ClusterObjects) kubernetesObjects {
	shown := kubernetesObjects{Items: []clusterObjects{}}
	for _, each := range found {
		one := clusterObjects{Resources: []shownKind{}, PodMetrics: []shownPodUsage{}, Errors: []clusterFailure{},
			Cluster: shownCluster{Name: each.Cluster.Name, Title: each.Cluster.Title, DashboardURL: each.Cluster.DashboardURL,
				DashboardApp: each.Cluster.DashboardApp, DashboardParameters: each.Cluster.DashboardParameters}}
		for _, kind := range each.Kinds {
			one.Resources = append(one.Resources, shownKind{kind.Type, kind.Objects})
		}
		for _, used := range each.Metrics {
			one.PodMetrics = append(one.PodMetrics, shownMetrics(used))
		}
		for _, failure := range each.Errors {
			one.Errors = append(one.Errors, clusterFailure{failure.Type, failure.StatusCode, failure.ResourcePath, failure.Message})
		}
		shown.Items = append(shown.Items, one)
	}
	return shown
}

func shownMetrics(used workloads.PodMetrics) shownPodUsage {
	shown := shownPodUsage{Pod: used.Pod.Object, CPU: usageOf(used.CPU), Memory: usageOf(used.Memory), Containers: []shownContainerUsage{}}
	for _, container := range used.Containers {
		shown.Containers = append(shown.Containers, shownContainerUsage{container.Name, usageOf(container.CPU), usageOf(container.Memory)})
	}
	return shown
}

func usageOf(used workloads.Usage) shownUsage {
	return shownUsage{used.Current, used.Requested, used.Limit}
}
