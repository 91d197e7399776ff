package kubernetes

import "github.com/portico-dev/portico/scaffolder/action"

// own are the differences of the ids of others from kubernetes:apply's originals.
const (
	notForced = "A field that somebody else manages is not taken over: the step fails and names who manages it."
	plurals   = "The names of kinds in URLs are those that the cluster says, so that every kind can be applied, also a Namespace or several documents. " +
		"`namespaced` is accepted and not needed."
)

// applyForms are the ids under which objects are applied.
var applyForms = []form{
	{
		id: "kubernetes:apply", schema: applyInputSchema, waits: true,
		description: "Applies objects to a Kubernetes cluster on the server's side, and waits until they are ready",
		differences: []string{notForced + " With `force: true` it takes it over.", plurals,
			"The step waits until the objects are ready, unless `wait` is false.",
			"A Namespace that exists and that this run did not create fails the step, unless `existing` is update."},
		examples: []action.Example{
			{Description: "Apply a file of the workspace to a cluster", Example: `steps:
  - id: deploy
    name: Deploy
    action: kubernetes:apply
    input:
      clusterName: dev
      namespace: shop
      manifestPath: deploy/dev.yaml
`},
			{Description: "Create a namespace with a quota", Example: `steps:
  - id: namespace
    name: Create the namespace
    action: kubernetes:apply
    input:
      clusterName: dev
      namespace: ${{ parameters.name }}
      manifest:
        - apiVersion: v1
          kind: Namespace
          metadata:
            name: ${{ parameters.name }}
        - apiVersion: v1
          kind: ResourceQuota
          metadata:
            name: quota
          spec:
            hard:
              pods: '20'
`},
			{Description: "Apply an object without waiting, and take over fields that others manage", Example: `steps:
  - id: scale
    name: Scale up
    action: kubernetes:apply
    input:
      clusterUrl: https://dev.k8s.example.com
      wait: false
      force: true
      manifest: |
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: shop
          namespace: shop
        spec:
          replicas: 3
`},
		},
	},
	{
		id: "cnoe:kubernetes:apply", schema: cnoeInputSchema,
		description: "Applies objects to a Kubernetes cluster",
		differences: []string{notForced, plurals, "It has outputs: the objects, the namespace and the cluster."},
		examples: []action.Example{
			{Description: "Apply a file of the workspace", Example: `steps:
  - id: apply
    name: Apply the manifest
    action: cnoe:kubernetes:apply
    input:
      manifestPath: cr.yaml
      namespaced: true
      clusterName: local
`},
			{Description: "Apply an object", Example: `steps:
  - id: apply
    name: Apply the manifest
    action: cnoe:kubernetes:apply
    input:
      namespaced: true
      manifestObject:
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: settings
          namespace: default
        data:
          color: blue
`},
		},
	},
	{
		id: "kube:apply", schema: kubeInputSchema,
		description: "Applies objects to a Kubernetes cluster",
		differences: []string{notForced, plurals, "It has outputs: the objects, the namespace and the cluster."},
		examples: []action.Example{
			{Description: "Apply a manifest", Example: `steps:
  - id: apply
    name: Create the database
    action: kube:apply
    input:
      namespaced: true
      manifest: |
        apiVersion: example.org/v1
        kind: Database
        metadata:
          name: orders
          namespace: shop
`},
			{Description: "Apply a manifest as the user, to one of several clusters", Example: `steps:
  - id: apply
    name: Create the namespace
    action: kube:apply
    input:
      clusterName: dev
      namespaced: false
      token: ${{ secrets.clusterToken }}
      manifest: |
        apiVersion: v1
        kind: Namespace
        metadata:
          name: shop
`},
		},
	},
	{
		id: "deploy:kubernetes", schema: deployInputSchema,
		description: "Applies an object to the Kubernetes cluster at an address",
		differences: []string{notForced, plurals, "It has outputs: the objects, the namespace and the cluster.",
			"clusterUrl has to be the address of a known cluster, so that no template leads a token elsewhere."},
		examples: []action.Example{
			{Description: "Apply an object with a token of the run", Example: `steps:
  - id: deploy
    name: Deploy the runner
    action: deploy:kubernetes
    input:
      clusterUrl: https://dev.k8s.example.com
      authToken: ${{ secrets.clusterToken }}
      manifest:
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: runner
          namespace: ci
`},
			{Description: "Apply an object of the form", Example: `steps:
  - id: deploy
    name: Deploy
    action: deploy:kubernetes
    input:
      clusterUrl: ${{ parameters.clusterUrl }}
      authToken: ${{ secrets.clusterToken }}
      manifest: ${{ parameters.manifest }}
`},
		},
	},
}
