use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_rpc_types_eth::TransactionRequest;
use revm::context::result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction, ResultAndState};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::database_interface::WrapDatabaseRef;
use revm::primitives::hardfork::SpecId;
use revm::{ExecuteEvm, MainBuilder, MainContext};

use super::rpc_error::RpcError;
use super::view::View;
use crate::revert;

/// The rules: those that anvil 1.7 also runs by default, so that gas is the same.
pub(crate) const SPEC: SpecId = SpecId::OSAKA;

/// The most gas that one transaction may ask for (EIP-7825).
pub(crate) const TRANSACTION_GAS_CAP: u64 = 16_777_216;

/// How strictly a transaction is checked before it runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checks {
    /// Everything that a block requires.
    All,
    /// What a simulation requires: nonce, fees, balance and the gas caps do not matter.
    Simulation,
}

/// Runs a transaction on the state without changing it.
pub(crate) fn run(
    state: &View<'_>,
    chain_id: u64,
    block: BlockEnv,
    transaction: TxEnv,
    checks: Checks,
) -> Result<ResultAndState<HaltReason>, RpcError> {
    let mut rules = CfgEnv::new_with_spec(SPEC).with_chain_id(chain_id);
    if checks == Checks::Simulation {
        rules.disable_nonce_check = true;
        rules.disable_balance_check = true;
        rules.disable_base_fee = true;
        rules.disable_block_gas_limit = true;
        rules.disable_eip3607 = true;
        rules.tx_gas_limit_cap = Some(u64::MAX);
    }
    let mut evm = Context::mainnet().with_db(WrapDatabaseRef(state)).with_cfg(rules).with_block(block).build_mainnet();
    evm.transact(transaction).map_err(|error| match error {
        EVMError::Transaction(invalid) => refuse(&invalid, checks),
        other => RpcError::internal(other.to_string()),
    })
}

/// The environment of a signed transaction.
pub(crate) fn signed_env(transaction: &TxEnvelope, sender: Address) -> TxEnv {
    TxEnv {
        tx_type: transaction.tx_type() as u8,
        caller: sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        ..TxEnv::default()
    }
}

/// The environment of a simulated call.
pub(crate) fn call_env(request: &TransactionRequest, gas_limit: u64, chain_id: u64) -> TxEnv {
    TxEnv {
        tx_type: 2,
        caller: request.from.unwrap_or_default(),
        gas_limit,
        gas_price: request.max_fee_per_gas.or(request.gas_price).unwrap_or(0),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or(U256::ZERO),
        data: request.input.input().cloned().unwrap_or_default(),
        chain_id: Some(chain_id),
        access_list: request.access_list.clone().unwrap_or_default(),
        gas_priority_fee: Some(request.max_priority_fee_per_gas.unwrap_or(0)),
        ..TxEnv::default()
    }
}

/// What a simulated call returns, or the error that clients know as a revert.
pub(crate) fn output(result: ExecutionResult<HaltReason>) -> Result<Bytes, RpcError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcError::reverted(revert::text(&output), output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::refused(halt_text(&reason))),
    }
}

/// Why an execution stopped, in geth's words where it has them.
pub(crate) fn halt_text(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".to_string(),
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode => format!("invalid opcode ({reason:?})"),
        other => format!("execution stopped: {other:?}"),
    }
}

/// The error of a transaction that does not run, with the code that anvil gives it.
fn refuse(invalid: &InvalidTransaction, checks: Checks) -> RpcError {
    let gas = matches!(
        invalid,
        InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
            | InvalidTransaction::GasFloorMoreThanGasLimit { .. }
            | InvalidTransaction::TxGasLimitGreaterThanCap { .. }
    );
    if gas || checks == Checks::Simulation {
        return RpcError::refused(explain(invalid));
    }
    RpcError::rejected(explain(invalid))
}

/// Why a transaction is refused, in the words that geth uses and clients look for.
fn explain(invalid: &InvalidTransaction) -> String {
    match invalid {
        InvalidTransaction::NonceTooLow { tx, state } => {
            format!("nonce too low: next nonce {state}, tx nonce {tx}")
        }
        InvalidTransaction::NonceTooHigh { tx, state } => {
            format!("nonce too high: next nonce {state}, tx nonce {tx}")
        }
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            format!("insufficient funds for gas * price + value: balance {balance}, tx cost {fee}")
        }
        InvalidTransaction::GasPriceLessThanBasefee => "max fee per gas less than block base fee".to_string(),
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => {
            "max priority fee per gas higher than max fee per gas".to_string()
        }
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit }
        | InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor: initial_gas, gas_limit } => {
            format!("intrinsic gas too low: gas {gas_limit}, minimum needed {initial_gas}")
        }
        InvalidTransaction::CallerGasLimitMoreThanBlock => "exceeds block gas limit".to_string(),
        InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            format!("transaction gas limit too high (EIP-7825): gas {gas_limit}, cap {cap}")
        }
        InvalidTransaction::CreateInitCodeSizeLimit => "max initcode size exceeded".to_string(),
        InvalidTransaction::InvalidChainId => "invalid chain id for signer".to_string(),
        other => other.to_string(),
    }
}
