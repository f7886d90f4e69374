import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention


class CausalAttention(nn.Module):
    def __init__(self, width=32, heads=4, p=0.1):
        super().__init__()
        self.heads, self.p = heads, p
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (part.view(b, t, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        y = scaled_dot_product_attention(q, k, v, dropout_p=self.p, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(b, t, c))


if __name__ == "__main__":
    CausalAttention()(torch.randn(2, 9, 32))
