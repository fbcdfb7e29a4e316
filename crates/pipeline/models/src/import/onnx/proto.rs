//! The messages of onnx.proto3 (ONNX 1.x, IR version 3 and later) that are read, and no others.

/// A model file.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ModelProto {
    #[prost(int64, tag = "1")]
    pub(crate) ir_version: i64,
    #[prost(string, tag = "2")]
    pub(crate) producer_name: String,
    #[prost(string, tag = "3")]
    pub(crate) producer_version: String,
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<GraphProto>,
}

/// Nodes in topological order.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) output: Vec<ValueInfoProto>,
}

/// One operator.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub(crate) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) output: Vec<String>,
    #[prost(string, tag = "4")]
    pub(crate) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) attribute: Vec<AttributeProto>,
}

/// A named setting of an operator.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(float, tag = "2")]
    pub(crate) f: f32,
    #[prost(int64, tag = "3")]
    pub(crate) i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub(crate) t: Option<TensorProto>,
    #[prost(float, repeated, tag = "7")]
    pub(crate) floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    pub(crate) ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub(crate) strings: Vec<Vec<u8>>,
}

/// A constant.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub(crate) dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub(crate) data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub(crate) float_data: Vec<f32>,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    pub(crate) double_data: Vec<f64>,
}

/// The name and the type of an input or output.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) r#type: Option<TypeProto>,
}

/// A type; others than tensors are left out.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor_type: Option<TensorTypeProto>,
}

/// The type of a tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub(crate) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) shape: Option<ShapeProto>,
}

/// A shape.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) dim: Vec<DimProto>,
}

/// One dimension; zero if it has a name only.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DimProto {
    #[prost(int64, tag = "1")]
    pub(crate) dim_value: i64,
}

/// `TensorProto.DataType` of single precision.
pub(crate) const FLOAT: i32 = 1;
/// `TensorProto.DataType` of double precision.
pub(crate) const DOUBLE: i32 = 11;

impl NodeProto {
    pub(crate) fn find(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.find(name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok())
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.find(name).map(|attribute| attribute.i)
    }

    pub(crate) fn ints(&self, name: &str) -> &[i64] {
        self.find(name).map_or(&[], |attribute| &attribute.ints)
    }

    /// Texts; what is not UTF-8 becomes empty.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let texts = self.find(name).map_or(&[][..], |attribute| &attribute.strings);
        texts.iter().map(|text| String::from_utf8(text.clone()).unwrap_or_default()).collect()
    }

    /// Numbers, as a list of floats or as a tensor with `_as_tensor` behind the name.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        if let Some(tensor) = self.find(&format!("{name}_as_tensor")).and_then(|attribute| attribute.t.as_ref()) {
            return tensor.numbers().unwrap_or_default();
        }
        self.find(name).map_or(Vec::new(), |attribute| attribute.floats.iter().map(|x| f64::from(*x)).collect())
    }
}

impl TensorProto {
    /// The numbers of a tensor of single or double precision; none for others.
    pub(crate) fn numbers(&self) -> Option<Vec<f64>> {
        let raw = &self.raw_data;
        match self.data_type {
            FLOAT if raw.is_empty() => Some(self.float_data.iter().map(|x| f64::from(*x)).collect()),
            FLOAT => {
                Some(raw.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect())
            }
            DOUBLE if raw.is_empty() => Some(self.double_data.clone()),
            DOUBLE => {
                let double = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
                Some(raw.chunks_exact(8).map(double).collect())
            }
            _ => None,
        }
    }
}
