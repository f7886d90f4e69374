"""The attributes in which wrappers keep the model that they wrap, as they stand in keys."""

WRAPPER_TOKENS = {
    "module": (
        'DataParallel, DistributedDataParallel and AveragedModel keep the real model in their attribute "module", so '
        'every key below gets "module." in front'
    ),
    "_orig_mod": (
        'torch.compile(model) keeps the original model in "_orig_mod", so every key below gets "_orig_mod." in front; '
        "model.compile() would not"
    ),
    "_fsdp_wrapped_module": 'FSDP (sharded data parallel) keeps the module it shards in "_fsdp_wrapped_module"',
    "_checkpoint_wrapped_module": (
        'activation checkpointing keeps the module it recomputes in "_checkpoint_wrapped_module"; the keys of a '
        "state_dict leave it out"
    ),
    "_forward_module": 'Lightning Fabric keeps the model that runs in "_forward_module"',
    "_fpw_module": 'an early FSDP (sharded data parallel) keeps the module it shards in "_fpw_module"',
}
"""From the token to who writes it and why. A user may name a layer "module"; nobody does so with the others."""
