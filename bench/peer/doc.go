// Command peer measures Portico beside a real Backstage backend, in one run on one machine, through the
// public HTTP API that both speak. What is measured and how to set the peer up is in the README beside this
// file. It reads /proc and therefore runs on Linux only.
package main
