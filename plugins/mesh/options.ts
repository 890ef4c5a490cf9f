import { z } from "zod";

/** Schema of the options; every field has the default of an Istio installation. */
export const meshOptions = z.strictObject({
  /**
   * The data plane of pods that are in the mesh. `auto`: as their labels and
   * containers say, both kinds side by side; the others put every member on
   * one data plane, which is what a migration would do.
   */
  mode: z.enum(["auto", "sidecar", "ambient"]).default("auto"),
  /** Who gets a sidecar without having the container: those whose labels ask for injection, all, or none. */
  inject: z.enum(["auto", "all", "none"]).default("auto"),
  trustDomain: z.string().min(1).default("cluster.local"),
  /** Other names of the trust domain, which policies may use for it. */
  trustDomainAliases: z.array(z.string().min(1)).max(100).default([]),
  clusterDomain: z.string().min(1).default("cluster.local"),
  /** The namespace whose policies apply to the whole mesh. */
  rootNamespace: z.string().min(1).default("istio-system"),
  /** What a sidecar does with destinations that it does not know. */
  outboundTrafficPolicy: z.enum(["ALLOW_ANY", "REGISTRY_ONLY"])
    .default("ALLOW_ANY"),
  pathNormalization: z.enum([
    "NONE",
    "BASE",
    "MERGE_SLASHES",
    "DECODE_AND_MERGE_SLASHES",
  ]).default("BASE"),
  /** Whether sidecars use mutual TLS on their own accord towards members of the mesh. */
  autoMtls: z.boolean().default(true),
  /** Whether the kubelet's probes of ambient pods take the address 169.254.7.127. */
  probeSourceNat: z.boolean().default(true),
}).prefault({});

/** The options with their defaults filled in. */
export type MeshOptions = z.infer<typeof meshOptions>;
